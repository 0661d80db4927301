"""The URL shortener. Verbs (deeds) at the top; nouns in two rooms: ``core`` decides, ``aws`` fetches and stores."""
