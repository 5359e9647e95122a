CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

CREATE TABLE workspaces (
	number INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	"plan" TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	CONSTRAINT pk_workspaces PRIMARY KEY (number), 
	CONSTRAINT uq_workspaces_id UNIQUE (id), 
	CONSTRAINT uq_workspaces_name UNIQUE (name)
);

CREATE TABLE keys (
	number INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	workspace_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	hash BLOB NOT NULL, 
	prefix TEXT NOT NULL, 
	suffix TEXT NOT NULL, 
	scopes TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	expires_at BIGINT, 
	revoked_at BIGINT, 
	replaced_by TEXT, 
	last_used_at BIGINT, requests_per_minute INTEGER, max_concurrency INTEGER, daily_micros BIGINT, monthly_micros BIGINT, site_id TEXT, 
	CONSTRAINT pk_keys PRIMARY KEY (number), 
	CONSTRAINT fk_keys_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id), 
	CONSTRAINT uq_keys_hash UNIQUE (hash), 
	CONSTRAINT uq_keys_id UNIQUE (id)
);

CREATE INDEX ix_keys_workspace_id ON keys (workspace_id);

CREATE TABLE balances (
	workspace_id TEXT NOT NULL, 
	meter TEXT NOT NULL, 
	allowance BIGINT NOT NULL, 
	granted BIGINT NOT NULL, 
	spent BIGINT NOT NULL, 
	held BIGINT NOT NULL, 
	period_start BIGINT NOT NULL, 
	period_end BIGINT NOT NULL, entries BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_balances PRIMARY KEY (workspace_id, meter), 
	CONSTRAINT ck_balances_granted CHECK (granted >= 0), 
	CONSTRAINT ck_balances_held CHECK (held >= 0), 
	CONSTRAINT ck_balances_spent CHECK (spent >= 0), 
	CONSTRAINT fk_balances_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
);

CREATE TABLE holds (
	number INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	workspace_id TEXT NOT NULL, 
	meter TEXT NOT NULL, 
	amount BIGINT NOT NULL, 
	state TEXT NOT NULL, 
	settled BIGINT, 
	created_at BIGINT NOT NULL, 
	ended_at BIGINT, expires_at BIGINT, key_id TEXT, entry BIGINT DEFAULT '0' NOT NULL, left_after BIGINT DEFAULT '0' NOT NULL, end_entry BIGINT, left_after_end BIGINT, 
	CONSTRAINT pk_holds PRIMARY KEY (number), 
	CONSTRAINT ck_holds_amount CHECK (amount >= 0), 
	CONSTRAINT ck_holds_settled CHECK (settled IS NULL OR (settled >= 0 AND settled <= amount)), 
	CONSTRAINT fk_holds_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id), 
	CONSTRAINT uq_holds_id UNIQUE (id)
);

CREATE INDEX ix_holds_workspace_id_number ON holds (workspace_id, number);

CREATE TABLE grants (
	number INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	workspace_id TEXT NOT NULL, 
	meter TEXT NOT NULL, 
	amount BIGINT NOT NULL, 
	source TEXT NOT NULL, 
	created_at BIGINT NOT NULL, entry BIGINT DEFAULT '0' NOT NULL, left_after BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_grants PRIMARY KEY (number), 
	CONSTRAINT fk_grants_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id), 
	CONSTRAINT uq_grants_id UNIQUE (id)
);

CREATE INDEX ix_grants_workspace_id ON grants (workspace_id);

CREATE TABLE jobs (
	number INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	workspace_id TEXT NOT NULL, 
	dialect TEXT NOT NULL, 
	state TEXT NOT NULL, 
	spec TEXT NOT NULL, 
	tag TEXT, 
	hold_id TEXT, 
	progress INTEGER NOT NULL, 
	attempts INTEGER NOT NULL, 
	lease TEXT, 
	error_code TEXT, 
	error_message TEXT, 
	error_retryable INTEGER, 
	created_at BIGINT NOT NULL, 
	started_at BIGINT, 
	ended_at BIGINT, 
	expires_at BIGINT, segments INTEGER, segments_reused INTEGER, 
	CONSTRAINT pk_jobs PRIMARY KEY (number), 
	CONSTRAINT fk_jobs_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id), 
	CONSTRAINT uq_jobs_id UNIQUE (id)
);

CREATE INDEX ix_jobs_expires_at ON jobs (expires_at);

CREATE INDEX ix_jobs_workspace_id_number ON jobs (workspace_id, number);

CREATE TABLE recordings (
	job_id TEXT NOT NULL, 
	blob TEXT NOT NULL, 
	format TEXT NOT NULL, 
	sample_rate INTEGER NOT NULL, 
	channels INTEGER NOT NULL, 
	bytes BIGINT NOT NULL, 
	duration_ms BIGINT NOT NULL, 
	loudness_mlufs BIGINT, 
	created_at BIGINT NOT NULL, 
	CONSTRAINT pk_recordings PRIMARY KEY (job_id), 
	CONSTRAINT fk_recordings_job_id FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE CASCADE
);

CREATE TABLE idempotency_keys (
	workspace_id TEXT NOT NULL, 
	scope TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	fingerprint BLOB NOT NULL, 
	status INTEGER NOT NULL, 
	headers TEXT NOT NULL, 
	body BLOB NOT NULL, 
	expires_at BIGINT NOT NULL, 
	CONSTRAINT pk_idempotency_keys PRIMARY KEY (workspace_id, scope, "key")
);

CREATE INDEX ix_idempotency_keys_expires_at ON idempotency_keys (expires_at);

CREATE TABLE queue_entries (
	id INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	priority INTEGER NOT NULL, 
	state TEXT NOT NULL, 
	due_at BIGINT NOT NULL, 
	token TEXT, 
	attempt INTEGER NOT NULL, 
	created_at BIGINT NOT NULL, 
	CONSTRAINT pk_queue_entries PRIMARY KEY (id), 
	CONSTRAINT uq_queue_entries_kind_subject UNIQUE (kind, subject)
);

CREATE INDEX ix_queue_entries_due ON queue_entries (kind, due_at) WHERE state <> 'ready';

CREATE TABLE dead_letters (
	number INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	attempts INTEGER NOT NULL, 
	reason TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	CONSTRAINT pk_dead_letters PRIMARY KEY (number)
);

CREATE INDEX ix_holds_expires_at ON holds (expires_at) WHERE state = 'open' AND expires_at IS NOT NULL;

CREATE INDEX ix_holds_wallet_begun ON holds (workspace_id, entry) WHERE meter = 'wallet';

CREATE INDEX ix_holds_wallet_ended ON holds (workspace_id, end_entry) WHERE meter = 'wallet' AND end_entry IS NOT NULL;

CREATE TABLE key_days (
	key_id TEXT NOT NULL, 
	day INTEGER NOT NULL, 
	spent BIGINT NOT NULL, 
	held BIGINT NOT NULL, 
	CONSTRAINT pk_key_days PRIMARY KEY (key_id, day), 
	CONSTRAINT ck_key_days_spent CHECK (spent >= 0), 
	CONSTRAINT ck_key_days_held CHECK (held >= 0), 
	CONSTRAINT fk_key_days_key_id FOREIGN KEY(key_id) REFERENCES keys (id)
);

CREATE TABLE sessions (
	number INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	workspace_id TEXT NOT NULL, 
	hash BLOB NOT NULL, 
	created_at BIGINT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	CONSTRAINT pk_sessions PRIMARY KEY (number), 
	CONSTRAINT fk_sessions_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id), 
	CONSTRAINT uq_sessions_hash UNIQUE (hash), 
	CONSTRAINT uq_sessions_id UNIQUE (id)
);

CREATE INDEX ix_sessions_workspace_id ON sessions (workspace_id);

CREATE INDEX ix_sessions_expires_at ON sessions (expires_at);

CREATE TABLE device_codes (
	hash BLOB NOT NULL, 
	user_code TEXT NOT NULL, 
	workspace_id TEXT, 
	created_at BIGINT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	CONSTRAINT pk_device_codes PRIMARY KEY (hash), 
	CONSTRAINT fk_device_codes_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id), 
	CONSTRAINT uq_device_codes_user_code UNIQUE (user_code)
);

CREATE INDEX ix_device_codes_expires_at ON device_codes (expires_at);

CREATE TABLE calls (
	number INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	workspace_id TEXT NOT NULL, 
	key_id TEXT, 
	provider TEXT NOT NULL, 
	model TEXT NOT NULL, 
	status TEXT NOT NULL, 
	error_code TEXT, 
	characters BIGINT NOT NULL, 
	cost BIGINT NOT NULL, 
	first_byte_ms INTEGER, 
	total_ms BIGINT NOT NULL, 
	created_at BIGINT NOT NULL, 
	CONSTRAINT pk_calls PRIMARY KEY (number), 
	CONSTRAINT fk_calls_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id), 
	CONSTRAINT uq_calls_id UNIQUE (id)
);

CREATE INDEX ix_calls_workspace_id_created_at ON calls (workspace_id, created_at);

CREATE INDEX ix_calls_created_at ON calls (created_at);

CREATE TABLE uploads (
	number INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	workspace_id TEXT NOT NULL, 
	state TEXT NOT NULL, 
	name TEXT, 
	form TEXT, 
	bytes BIGINT, 
	duration_ms BIGINT, 
	sample_rate INTEGER, 
	channels INTEGER, 
	blob TEXT, 
	created_at BIGINT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	CONSTRAINT pk_uploads PRIMARY KEY (number), 
	CONSTRAINT fk_uploads_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id), 
	CONSTRAINT uq_uploads_id UNIQUE (id)
);

CREATE INDEX ix_uploads_expires_at ON uploads (expires_at);

CREATE INDEX ix_uploads_workspace_id_number ON uploads (workspace_id, number);

CREATE TABLE voices (
	number INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	workspace_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	language TEXT NOT NULL, 
	state TEXT NOT NULL, 
	samples TEXT NOT NULL, 
	consent TEXT, 
	engine TEXT, 
	base_voice TEXT, 
	model TEXT, 
	analysis TEXT, 
	attempts INTEGER NOT NULL, 
	lease TEXT, 
	error_code TEXT, 
	error_message TEXT, 
	created_at BIGINT NOT NULL, 
	ended_at BIGINT, 
	CONSTRAINT pk_voices PRIMARY KEY (number), 
	CONSTRAINT fk_voices_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id), 
	CONSTRAINT uq_voices_id UNIQUE (id)
);

CREATE INDEX ix_voices_workspace_id_number ON voices (workspace_id, number);

CREATE TABLE webhooks (
	number INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	workspace_id TEXT NOT NULL, 
	url TEXT NOT NULL, 
	events TEXT NOT NULL, 
	secret TEXT NOT NULL, 
	old_secret TEXT, 
	old_secret_expires_at BIGINT, 
	disabled_at BIGINT, 
	disabled_reason TEXT, 
	created_at BIGINT NOT NULL, 
	CONSTRAINT pk_webhooks PRIMARY KEY (number), 
	CONSTRAINT fk_webhooks_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id), 
	CONSTRAINT uq_webhooks_id UNIQUE (id)
);

CREATE INDEX ix_webhooks_workspace_id_number ON webhooks (workspace_id, number);

CREATE TABLE webhook_deliveries (
	number INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	webhook_id TEXT NOT NULL, 
	workspace_id TEXT NOT NULL, 
	message_id TEXT NOT NULL, 
	event TEXT NOT NULL, 
	body BLOB NOT NULL, 
	state TEXT NOT NULL, 
	attempts INTEGER NOT NULL, 
	next_at BIGINT, 
	created_at BIGINT NOT NULL, 
	ended_at BIGINT, 
	CONSTRAINT pk_webhook_deliveries PRIMARY KEY (number), 
	CONSTRAINT fk_webhook_deliveries_webhook_id FOREIGN KEY(webhook_id) REFERENCES webhooks (id) ON DELETE CASCADE, 
	CONSTRAINT fk_webhook_deliveries_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id), 
	CONSTRAINT uq_webhook_deliveries_id UNIQUE (id)
);

CREATE INDEX ix_webhook_deliveries_created_at ON webhook_deliveries (created_at);

CREATE INDEX ix_webhook_deliveries_webhook_id_number ON webhook_deliveries (webhook_id, number);

CREATE TABLE webhook_attempts (
	number INTEGER NOT NULL, 
	delivery_id TEXT NOT NULL, 
	status INTEGER, 
	error TEXT, 
	answer BLOB, 
	took_ms BIGINT NOT NULL, 
	created_at BIGINT NOT NULL, 
	CONSTRAINT pk_webhook_attempts PRIMARY KEY (number), 
	CONSTRAINT fk_webhook_attempts_delivery_id FOREIGN KEY(delivery_id) REFERENCES webhook_deliveries (id) ON DELETE CASCADE
);

CREATE INDEX ix_webhook_attempts_delivery_id ON webhook_attempts (delivery_id);

CREATE INDEX ix_queue_entries_ready ON queue_entries (kind, priority DESC, id) WHERE state = 'ready';

CREATE TABLE segments (
	workspace_id TEXT NOT NULL, 
	"key" BLOB NOT NULL, 
	voice TEXT NOT NULL, 
	blob TEXT NOT NULL, 
	start BIGINT NOT NULL, 
	bytes BIGINT NOT NULL, 
	sha256 BLOB NOT NULL, 
	created_at BIGINT NOT NULL, 
	CONSTRAINT pk_segments PRIMARY KEY (workspace_id, "key"), 
	CONSTRAINT fk_segments_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
);

CREATE INDEX ix_segments_blob ON segments (blob);

CREATE INDEX ix_segments_workspace_id_voice ON segments (workspace_id, voice);

CREATE TABLE job_segments (
	job_id TEXT NOT NULL, 
	"key" BLOB NOT NULL, 
	workspace_id TEXT NOT NULL, 
	CONSTRAINT pk_job_segments PRIMARY KEY (job_id, "key"), 
	CONSTRAINT fk_job_segments_job_id FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE CASCADE
);

CREATE INDEX ix_job_segments_workspace_id_key ON job_segments (workspace_id, "key");

CREATE TABLE signing_keys (
	purpose TEXT NOT NULL, 
	secret BLOB NOT NULL, 
	created_at BIGINT NOT NULL, 
	CONSTRAINT pk_signing_keys PRIMARY KEY (purpose)
);

CREATE INDEX ix_keys_site_id ON keys (site_id);

CREATE TABLE sites (
	number INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	workspace_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	language TEXT NOT NULL, 
	voice TEXT NOT NULL, 
	voices TEXT NOT NULL, 
	allow_download INTEGER NOT NULL, 
	code_blocks TEXT NOT NULL, 
	data_tables TEXT NOT NULL, 
	description TEXT, 
	author TEXT, 
	email TEXT, 
	image_url TEXT, 
	category TEXT, 
	created_at BIGINT NOT NULL, 
	CONSTRAINT pk_sites PRIMARY KEY (number), 
	CONSTRAINT fk_sites_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id), 
	CONSTRAINT uq_sites_id UNIQUE (id)
);

CREATE INDEX ix_sites_workspace_id_number ON sites (workspace_id, number);

CREATE TABLE site_domains (
	domain TEXT NOT NULL, 
	site_id TEXT NOT NULL, 
	is_primary INTEGER NOT NULL, 
	CONSTRAINT pk_site_domains PRIMARY KEY (domain), 
	CONSTRAINT fk_site_domains_site_id FOREIGN KEY(site_id) REFERENCES sites (id) ON DELETE CASCADE
);

CREATE INDEX ix_site_domains_site_id ON site_domains (site_id);

CREATE TABLE posts (
	number INTEGER NOT NULL, 
	site_id TEXT NOT NULL, 
	workspace_id TEXT NOT NULL, 
	post_id TEXT NOT NULL, 
	language TEXT NOT NULL, 
	title TEXT, 
	url TEXT, 
	voice TEXT NOT NULL, 
	sha256 BLOB NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	CONSTRAINT pk_posts PRIMARY KEY (number), 
	CONSTRAINT fk_posts_site_id FOREIGN KEY(site_id) REFERENCES sites (id), 
	CONSTRAINT fk_posts_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id), 
	CONSTRAINT uq_posts_site_id_post_id_language UNIQUE (site_id, post_id, language)
);

CREATE INDEX ix_posts_site_id_number ON posts (site_id, number);

CREATE TABLE post_takes (
	post_number BIGINT NOT NULL, 
	voice TEXT NOT NULL, 
	job_id TEXT NOT NULL, 
	ready_job_id TEXT, 
	replaced_job_id TEXT, 
	created_at BIGINT NOT NULL, 
	CONSTRAINT pk_post_takes PRIMARY KEY (post_number, voice), 
	CONSTRAINT fk_post_takes_post_number FOREIGN KEY(post_number) REFERENCES posts (number) ON DELETE CASCADE
);

CREATE INDEX ix_post_takes_job_id ON post_takes (job_id);

CREATE INDEX ix_post_takes_ready_job_id ON post_takes (ready_job_id);

CREATE INDEX ix_post_takes_replaced_job_id ON post_takes (replaced_job_id);

CREATE TABLE post_days (
	post_number BIGINT NOT NULL, 
	day INTEGER NOT NULL, 
	impressions BIGINT NOT NULL, 
	plays BIGINT NOT NULL, 
	pauses BIGINT NOT NULL, 
	seeks BIGINT NOT NULL, 
	errors BIGINT NOT NULL, 
	quarters BIGINT NOT NULL, 
	halves BIGINT NOT NULL, 
	three_quarters BIGINT NOT NULL, 
	completes BIGINT NOT NULL, 
	heard_ms BIGINT NOT NULL, 
	CONSTRAINT pk_post_days PRIMARY KEY (post_number, day), 
	CONSTRAINT fk_post_days_post_number FOREIGN KEY(post_number) REFERENCES posts (number) ON DELETE CASCADE
);

CREATE INDEX ix_post_days_day ON post_days (day);

INSERT INTO alembic_version VALUES ('0005');

