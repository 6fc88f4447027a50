-- Whose name is on a server's certificate. Servers that are here already go on with the first authority's.
ALTER TABLE servers
  ADD COLUMN authority text NOT NULL DEFAULT 'first' CHECK (authority IN ('first', 'second'));
