"""The demo: made-up flags, the policies they fall under, and a small world of mail servers. Nothing here is product."""
