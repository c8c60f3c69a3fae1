/* Nothing that we build includes it; the package installs it. */
