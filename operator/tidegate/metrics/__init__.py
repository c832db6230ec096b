"""Adapters that read engines: they scrape pages and turn them into samples."""
