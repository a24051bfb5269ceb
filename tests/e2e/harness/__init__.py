"""What the end-to-end tests share: servers as processes, REST, WebSocket codecs, waiting."""
