"""What several actors know alike: windows, settlement rules, books, views, candles."""
