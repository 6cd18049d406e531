"""The `watchdog` actor's core: silent hearts, hung processes and crash loops."""
