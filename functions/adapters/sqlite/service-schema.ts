/** The tables of what a service remembers beside the runs. */
export const SERVICE_TABLES = `
  CREATE TABLE api_keys (
    key_id TEXT PRIMARY KEY, created_at INTEGER NOT NULL, revoked_at INTEGER, row TEXT NOT NULL
  ) STRICT;
  CREATE INDEX api_keys_newest ON api_keys (created_at, key_id);

  CREATE TABLE requests (
    key TEXT PRIMARY KEY, body_hash TEXT NOT NULL, state TEXT NOT NULL,
    lease_until INTEGER NOT NULL, expires_at INTEGER NOT NULL, response TEXT
  ) STRICT;
  CREATE INDEX requests_expiring ON requests (expires_at);

  CREATE TABLE events (
    run_id TEXT NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, event TEXT NOT NULL, PRIMARY KEY (run_id, seq)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE webhooks (
    webhook_id TEXT PRIMARY KEY, owner TEXT NOT NULL, created_at INTEGER NOT NULL, row TEXT NOT NULL
  ) STRICT;
  CREATE INDEX webhooks_newest ON webhooks (created_at, webhook_id);
  CREATE INDEX webhooks_by_owner ON webhooks (owner, created_at, webhook_id);

  CREATE TABLE deliveries (
    delivery_id TEXT PRIMARY KEY, webhook_id TEXT NOT NULL, event TEXT NOT NULL, run_id TEXT NOT NULL,
    body TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL, next_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL, last_status INTEGER, last_error TEXT
  ) STRICT;
  CREATE INDEX deliveries_by_webhook ON deliveries (webhook_id, created_at, delivery_id);
  CREATE INDEX deliveries_due ON deliveries (next_at, delivery_id) WHERE state = 'pending';
`;
