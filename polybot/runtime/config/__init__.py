"""From config.toml, environment and flags to frozen settings; addresses of the world; where plug-ins lie and how they load."""
