//! The first stage of the start, before the service manager.
