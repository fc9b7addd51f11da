BEGIN TRANSACTION;
CREATE TABLE bindings (
        id INTEGER PRIMARY KEY,
        org TEXT NOT NULL, room_id TEXT NOT NULL, channel_id TEXT NOT NULL,
        open INTEGER NOT NULL, data BLOB NOT NULL
    );
INSERT INTO "bindings" VALUES(1,'acme','r','web',1,X'0A01721203776562');
INSERT INTO "bindings" VALUES(2,'acme','r','sms',1,X'0A01721203736D73520170');
CREATE TABLE changes (
        id INTEGER PRIMARY KEY,
        org TEXT NOT NULL, room_id TEXT NOT NULL, sequence INTEGER NOT NULL,
        after_index INTEGER NOT NULL, item BLOB NOT NULL
    );
INSERT INTO "changes" VALUES(1,'acme','r',0,2,X'6368616E67652000206F6E65');
INSERT INTO "changes" VALUES(2,'acme','r',1,2,X'656469746564');
CREATE TABLE channels (
        org TEXT NOT NULL, channel_id TEXT NOT NULL, data BLOB NOT NULL,
        PRIMARY KEY (org, channel_id)
    ) WITHOUT ROWID;
INSERT INTO "channels" VALUES('acme','sms',X'0A03736D731001');
CREATE TABLE deliveries (
        id INTEGER PRIMARY KEY,
        org TEXT NOT NULL, room_id TEXT NOT NULL, event_index INTEGER NOT NULL,
        delivery_id TEXT NOT NULL, channel_id TEXT NOT NULL, state INTEGER NOT NULL,
        data BLOB NOT NULL
    );
INSERT INTO "deliveries" VALUES(1,'acme','r',0,'d1','sms',3,X'0A0264311201721A03736D732207722D6530303030320608031202703152060880E2CFAA06');
INSERT INTO "deliveries" VALUES(2,'acme','r',1,'d2','sms',1,X'0A0264321201721A03736D732207722D653030303128013202080152060881E2CFAA06');
CREATE TABLE delivery_provider_ids (
        org TEXT NOT NULL, channel_id TEXT NOT NULL, provider_message_id TEXT NOT NULL,
        room_id TEXT NOT NULL, delivery_id TEXT NOT NULL,
        PRIMARY KEY (org, channel_id, provider_message_id)
    ) WITHOUT ROWID;
INSERT INTO "delivery_provider_ids" VALUES('acme','sms','p1','r','d1');
CREATE TABLE erasures (
        org TEXT NOT NULL, room_id TEXT NOT NULL, PRIMARY KEY (org, room_id)
    ) WITHOUT ROWID;
CREATE TABLE events (
        id INTEGER PRIMARY KEY,
        org TEXT NOT NULL, room_id TEXT NOT NULL, idx INTEGER NOT NULL, event_id TEXT NOT NULL,
        type INTEGER NOT NULL, status INTEGER NOT NULL, deleted INTEGER NOT NULL,
        parent_event_id TEXT NOT NULL, channel_id TEXT NOT NULL, participant_id TEXT NOT NULL,
        correlation_id TEXT NOT NULL, create_time REAL NOT NULL,
        data BLOB NOT NULL
    );
INSERT INTO "events" VALUES(1,'acme','r',0,'r-e0000',1,2,0,'','','','',1700000000.0,X'0A07722D65303030301201721800200128023A110A0F0A0D676F6F6462796520776F726C648A01060880E2CFAA06A201060889E2CFAA06');
INSERT INTO "events" VALUES(2,'acme','r',1,'r-e0001',1,2,0,'r-e0000','sms','','',1700000001.0,X'0A07722D653030303112017218012001280232050A03736D733A0D0A0B0A09616E20616E737765726A07722D65303030308A01060881E2CFAA06');
INSERT INTO "events" VALUES(3,'acme','r',2,'r-e0002',1,5,0,'','','','',1700000002.0,X'0A07722D65303030321201721802200128053A110A0F0A0D736F206DC3BC646520F09F99828A01060882E2CFAA06');
INSERT INTO "events" VALUES(4,'other','closed',0,'closed-e0000',1,2,0,'','','','',1700000000.0,X'0A0C636C6F7365642D65303030301206636C6F7365641800200128023A0D0A0B0A09656C736577686572658A01060880E2CFAA06');
CREATE TABLE handlers (
        org TEXT NOT NULL, name TEXT NOT NULL, data BLOB NOT NULL,
        PRIMARY KEY (org, name)
    ) WITHOUT ROWID;
INSERT INTO "handlers" VALUES('acme','text',X'0A0474657874');
CREATE TABLE hooks (
        org TEXT NOT NULL, name TEXT NOT NULL, data BLOB NOT NULL,
        PRIMARY KEY (org, name)
    ) WITHOUT ROWID;
INSERT INTO "hooks" VALUES('acme','guard',X'0A056775617264120461636D65');
CREATE TABLE horizons (
        org TEXT NOT NULL, room_id TEXT NOT NULL,
        oldest_index INTEGER NOT NULL, oldest_change INTEGER NOT NULL,
        PRIMARY KEY (org, room_id)
    ) WITHOUT ROWID;
CREATE TABLE keys (
        org TEXT NOT NULL, scope TEXT NOT NULL, key TEXT NOT NULL,
        expires REAL NOT NULL, fingerprint BLOB NOT NULL, value BLOB NOT NULL,
        PRIMARY KEY (org, scope, key)
    ) WITHOUT ROWID;
INSERT INTO "keys" VALUES('acme','room:r','k',11700000000.0,X'7072696E742D6B',X'76616C75652D6B');
CREATE TABLE markers (
        org TEXT NOT NULL, room_id TEXT NOT NULL, channel_id TEXT NOT NULL, data BLOB NOT NULL,
        PRIMARY KEY (org, room_id, channel_id)
    ) WITHOUT ROWID;
INSERT INTO "markers" VALUES('acme','r','sms',X'0A01721203736D731801');
CREATE TABLE observations (
        org TEXT NOT NULL, room_id TEXT NOT NULL, observation_id TEXT NOT NULL,
        category TEXT NOT NULL, data BLOB NOT NULL,
        PRIMARY KEY (org, room_id, observation_id)
    ) WITHOUT ROWID;
INSERT INTO "observations" VALUES('acme','r','o','mood',X'0A016F12017222046D6F6F642A04676C6164');
CREATE TABLE observer_rows (
        id INTEGER PRIMARY KEY,
        org TEXT NOT NULL, hook TEXT NOT NULL, room_id TEXT NOT NULL,
        invocation_id TEXT NOT NULL, hook_trigger INTEGER NOT NULL, event_id TEXT NOT NULL,
        payload BLOB NOT NULL, create_time REAL NOT NULL, attempts INTEGER NOT NULL,
        due REAL NOT NULL, parked INTEGER NOT NULL, park_time REAL NOT NULL,
        status BLOB NOT NULL
    );
INSERT INTO "observer_rows" VALUES(1,'acme','guard','r','i',2,'r-e0000',X'',1700000000.0,1,0.0,0,0.0,X'');
CREATE TABLE participants (
        id INTEGER PRIMARY KEY,
        org TEXT NOT NULL, room_id TEXT NOT NULL, participant_id TEXT NOT NULL,
        open INTEGER NOT NULL, data BLOB NOT NULL
    );
INSERT INTO "participants" VALUES(1,'acme','r','p',1,X'0A01701201721A03736D73');
CREATE TABLE queued (
        org TEXT NOT NULL, room_id TEXT NOT NULL, queued_id TEXT NOT NULL,
        queued_time REAL NOT NULL, request BLOB NOT NULL,
        PRIMARY KEY (org, room_id, queued_id)
    ) WITHOUT ROWID;
INSERT INTO "queued" VALUES('acme','r','q',1700000000.0,X'0A0172');
CREATE TABLE rooms (
        org TEXT NOT NULL, room_id TEXT NOT NULL,
        status INTEGER NOT NULL, last_activity REAL NOT NULL, timer_due REAL,
        data BLOB NOT NULL,
        PRIMARY KEY (org, room_id)
    ) WITHOUT ROWID;
INSERT INTO "rooms" VALUES('acme','r',1,1700000000.0,1700000060.0,X'0A0172120461636D6518015A060880E2CFAA06');
INSERT INTO "rooms" VALUES('other','closed',1,1700000000.0,NULL,X'0A06636C6F736564120461636D6518015A060880E2CFAA06');
CREATE TABLE schema_version (number INTEGER PRIMARY KEY, title TEXT);
INSERT INTO "schema_version" VALUES(1,'rooms, events, deliveries, keys, channels, hooks, search');
INSERT INTO "schema_version" VALUES(2,'handlers that are no hooks');
INSERT INTO "schema_version" VALUES(3,'what durable observers have still to see');
INSERT INTO "schema_version" VALUES(4,'rooms that are being erased');
INSERT INTO "schema_version" VALUES(5,'where the log of a room begins');
CREATE TABLE search_progress (one INTEGER PRIMARY KEY, indexed_id INTEGER NOT NULL);
INSERT INTO "search_progress" VALUES(1,4);
CREATE TABLE search_stale (id INTEGER PRIMARY KEY);
CREATE TABLE tasks (
        org TEXT NOT NULL, room_id TEXT NOT NULL, task_id TEXT NOT NULL,
        status INTEGER NOT NULL, data BLOB NOT NULL,
        PRIMARY KEY (org, room_id, task_id)
    ) WITHOUT ROWID;
INSERT INTO "tasks" VALUES('acme','r','t',1,X'0A01741201721A0963616C6C206261636B3001');
CREATE INDEX rooms_due ON rooms (timer_due) WHERE timer_due IS NOT NULL;
CREATE UNIQUE INDEX events_log ON events (org, room_id, idx);
CREATE UNIQUE INDEX events_id ON events (org, event_id);
CREATE INDEX events_thread ON events (org, room_id, parent_event_id, idx)
        WHERE parent_event_id <> '';
CREATE UNIQUE INDEX bindings_room ON bindings (org, room_id, channel_id);
CREATE INDEX bindings_channel ON bindings (org, channel_id, room_id);
CREATE INDEX bindings_open ON bindings (org, channel_id, room_id) WHERE open;
CREATE UNIQUE INDEX participants_room ON participants (org, room_id, participant_id);
CREATE INDEX participants_rooms ON participants (org, participant_id, room_id);
CREATE INDEX participants_open ON participants (org, participant_id, room_id) WHERE open;
CREATE TRIGGER room_opened_or_closed AFTER UPDATE OF status ON rooms
        WHEN (old.status IN (1, 2)) <> (new.status IN (1, 2))
        BEGIN
            UPDATE bindings SET open = new.status IN (1, 2)
                WHERE org = new.org AND room_id = new.room_id;
            UPDATE participants SET open = new.status IN (1, 2)
                WHERE org = new.org AND room_id = new.room_id;
        END;
CREATE UNIQUE INDEX deliveries_id ON deliveries (org, delivery_id);
CREATE INDEX deliveries_event ON deliveries (org, room_id, event_index, delivery_id);
CREATE INDEX deliveries_unfinished
        ON deliveries (org, room_id, channel_id, event_index, delivery_id)
        WHERE state IN (1, 2);
CREATE INDEX delivery_provider_ids_room ON delivery_provider_ids (org, room_id);
CREATE INDEX keys_expiry ON keys (expires);
CREATE UNIQUE INDEX changes_log ON changes (org, room_id, sequence);
CREATE TRIGGER event_changed AFTER UPDATE ON events
        BEGIN INSERT OR IGNORE INTO search_stale VALUES (new.id); END;
CREATE UNIQUE INDEX observer_rows_id ON observer_rows (org, invocation_id);
CREATE INDEX observer_rows_hook ON observer_rows (org, hook, parked, room_id, id);
CREATE INDEX observer_rows_room ON observer_rows (org, room_id);
CREATE INDEX observer_rows_parked ON observer_rows (park_time) WHERE parked;
CREATE VIRTUAL TABLE search USING fts5 (
        scope, body, tokenize = 'unicode61 remove_diacritics 2'
    );
INSERT INTO search (rowid, scope, body) VALUES (1, 'o7dd7eea36c357c826d21bc31 r7aac51ce1804a3838b313d16', 'goodbye world');
INSERT INTO search (rowid, scope, body) VALUES (2, 'o7dd7eea36c357c826d21bc31 r7aac51ce1804a3838b313d16', 'an answer');
INSERT INTO search (rowid, scope, body) VALUES (4, 'o592e32483ebb4488b8f4e86e r42b3bb76e509f8f736a1e5b1', 'elsewhere');
COMMIT;
