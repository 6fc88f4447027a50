-- What the edge does for a server's visitors. Every column has a default: servers that are here already begin with it.
ALTER TABLE servers
  ADD COLUMN http2 boolean NOT NULL DEFAULT true,
  ADD COLUMN min_tls text NOT NULL DEFAULT '1.2' CHECK (min_tls IN ('1.2', '1.3')),
  ADD COLUMN certificate_key text NOT NULL DEFAULT 'ecdsa' CHECK (certificate_key IN ('ecdsa', 'rsa')),
  -- NULL: not known, so the deny-lists of all products hold.
  ADD COLUMN product text CHECK (product IN ('jellyfin', 'emby', 'plex', 'phlix', 'other')),
  ADD COLUMN lifted text[] NOT NULL DEFAULT '{}';
