"""The URL shortener. ``api`` speaks HTTP, ``usecases`` act, ``core`` decides, ``aws`` fetches and stores."""
