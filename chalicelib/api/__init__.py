"""HTTP in, HTTP out. With app.py and workers.py the only place that knows Chalice."""
