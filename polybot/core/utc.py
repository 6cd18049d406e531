"""UTC days. A window belongs to the day of its end: the one that ends at midnight to the day that begins there (rules §6)."""

DAY_S = 86_400


def day_of(at_s: int) -> str:
    """The UTC day of a moment, as YYYY-MM-DD."""
    return day_text(at_s // DAY_S)


def day_text(day: int) -> str:
    """Days since 1970 as YYYY-MM-DD, UTC (Howard Hinnant's civil_from_days)."""
    z = day + 719_468
    era, doe = divmod(z, 146_097)
    yoe = (doe - doe // 1460 + doe // 36_524 - doe // 146_096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    mp = (5 * doy + 2) // 153
    month = mp + 3 if mp < 10 else mp - 9
    year = yoe + era * 400 + (month <= 2)
    return f"{year:04d}-{month:02d}-{doy - (153 * mp + 2) // 5 + 1:02d}"


def clock_text(at_ns: int) -> str:
    """The time of day of a world time, HH:MM:SS in UTC."""
    seconds = at_ns // 1_000_000_000 % DAY_S
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
