-- Signed requests of wallets and devices that were taken: what came once does not come again.
-- mark is the first half of SHA-256(thumbprint of the key ‖ nonce).
CREATE TABLE request_nonces (
  mark    BLOB    PRIMARY KEY CHECK (length(mark) = 16),
  expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX request_nonces_expires ON request_nonces (expires);
