//! Replication of the ledger between the stores.
