SELECT pg_catalog.set_config('search_path', '', false);
CREATE FUNCTION public.all_written(number bigint, expected bigint, written bigint) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
        BEGIN
            IF written < expected THEN
                RAISE EXCEPTION 'a live key exists' USING ERRCODE = 'RD001';
            END IF;
            RETURN number;
        END $$;
CREATE FUNCTION public.follow_room() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
        BEGIN
            UPDATE bindings SET open = new.status IN (1, 2)
                WHERE org = new.org AND room_id = new.room_id;
            UPDATE participants SET open = new.status IN (1, 2)
                WHERE org = new.org AND room_id = new.room_id;
            RETURN NULL;
        END $$;
CREATE FUNCTION public.note_changed_event() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
        BEGIN
            INSERT INTO search_stale VALUES (new.id) ON CONFLICT DO NOTHING;
            RETURN NULL;
        END $$;
CREATE TABLE public.bindings (
    id bigint NOT NULL,
    org text NOT NULL COLLATE pg_catalog."C",
    room_id text NOT NULL COLLATE pg_catalog."C",
    channel_id text NOT NULL COLLATE pg_catalog."C",
    open boolean NOT NULL,
    data bytea NOT NULL
);
ALTER TABLE public.bindings ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.bindings_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.changes (
    org text NOT NULL COLLATE pg_catalog."C",
    room_id text NOT NULL COLLATE pg_catalog."C",
    sequence bigint NOT NULL,
    after_index bigint NOT NULL,
    item bytea NOT NULL
);
CREATE TABLE public.channels (
    org text NOT NULL COLLATE pg_catalog."C",
    channel_id text NOT NULL COLLATE pg_catalog."C",
    data bytea NOT NULL
);
CREATE TABLE public.deliveries (
    org text NOT NULL COLLATE pg_catalog."C",
    room_id text NOT NULL COLLATE pg_catalog."C",
    event_index bigint NOT NULL,
    delivery_id text NOT NULL COLLATE pg_catalog."C",
    channel_id text NOT NULL COLLATE pg_catalog."C",
    state integer NOT NULL,
    data bytea NOT NULL
);
CREATE TABLE public.delivery_provider_ids (
    org text NOT NULL COLLATE pg_catalog."C",
    channel_id text NOT NULL COLLATE pg_catalog."C",
    provider_message_id text NOT NULL COLLATE pg_catalog."C",
    room_id text NOT NULL COLLATE pg_catalog."C",
    delivery_id text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.erasures (
    org text NOT NULL COLLATE pg_catalog."C",
    room_id text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.events (
    id bigint NOT NULL,
    org text NOT NULL COLLATE pg_catalog."C",
    room_id text NOT NULL COLLATE pg_catalog."C",
    idx bigint NOT NULL,
    event_id text NOT NULL COLLATE pg_catalog."C",
    type integer NOT NULL,
    status integer NOT NULL,
    deleted boolean NOT NULL,
    parent_event_id text NOT NULL COLLATE pg_catalog."C",
    channel_id text NOT NULL COLLATE pg_catalog."C",
    participant_id text NOT NULL COLLATE pg_catalog."C",
    correlation_id text NOT NULL COLLATE pg_catalog."C",
    create_time double precision NOT NULL,
    data bytea NOT NULL
);
ALTER TABLE public.events ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.handlers (
    org text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    data bytea NOT NULL
);
CREATE TABLE public.hooks (
    org text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    data bytea NOT NULL
);
CREATE TABLE public.horizons (
    org text NOT NULL COLLATE pg_catalog."C",
    room_id text NOT NULL COLLATE pg_catalog."C",
    oldest_index bigint NOT NULL,
    oldest_change bigint NOT NULL
);
CREATE TABLE public.keys (
    org text NOT NULL COLLATE pg_catalog."C",
    scope text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C",
    expires double precision NOT NULL,
    fingerprint bytea NOT NULL,
    value bytea NOT NULL
);
CREATE TABLE public.last_commit (
    one boolean NOT NULL,
    writer text NOT NULL,
    number bigint NOT NULL,
    CONSTRAINT last_commit_one_check CHECK (one)
)
WITH (fillfactor='10');
CREATE TABLE public.markers (
    org text NOT NULL COLLATE pg_catalog."C",
    room_id text NOT NULL COLLATE pg_catalog."C",
    channel_id text NOT NULL COLLATE pg_catalog."C",
    data bytea NOT NULL
);
CREATE TABLE public.observations (
    org text NOT NULL COLLATE pg_catalog."C",
    room_id text NOT NULL COLLATE pg_catalog."C",
    observation_id text NOT NULL COLLATE pg_catalog."C",
    category text NOT NULL COLLATE pg_catalog."C",
    data bytea NOT NULL
);
CREATE TABLE public.observer_rows (
    id bigint NOT NULL,
    org text NOT NULL COLLATE pg_catalog."C",
    hook text NOT NULL COLLATE pg_catalog."C",
    room_id text NOT NULL COLLATE pg_catalog."C",
    invocation_id text NOT NULL COLLATE pg_catalog."C",
    hook_trigger integer NOT NULL,
    event_id text NOT NULL COLLATE pg_catalog."C",
    payload bytea NOT NULL,
    create_time double precision NOT NULL,
    attempts integer NOT NULL,
    due double precision NOT NULL,
    parked boolean NOT NULL,
    park_time double precision NOT NULL,
    status bytea NOT NULL
);
ALTER TABLE public.observer_rows ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.observer_rows_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.participants (
    id bigint NOT NULL,
    org text NOT NULL COLLATE pg_catalog."C",
    room_id text NOT NULL COLLATE pg_catalog."C",
    participant_id text NOT NULL COLLATE pg_catalog."C",
    open boolean NOT NULL,
    data bytea NOT NULL
);
ALTER TABLE public.participants ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.participants_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.queued (
    org text NOT NULL COLLATE pg_catalog."C",
    room_id text NOT NULL COLLATE pg_catalog."C",
    queued_id text NOT NULL COLLATE pg_catalog."C",
    queued_time double precision NOT NULL,
    request bytea NOT NULL
);
CREATE TABLE public.rooms (
    org text NOT NULL COLLATE pg_catalog."C",
    room_id text NOT NULL COLLATE pg_catalog."C",
    status integer NOT NULL,
    last_activity double precision NOT NULL,
    timer_due double precision,
    data bytea NOT NULL
)
WITH (fillfactor='70');
CREATE TABLE public.schema_version (
    number integer NOT NULL,
    title text
);
CREATE TABLE public.search (
    id bigint NOT NULL,
    words tsvector NOT NULL
);
CREATE TABLE public.search_progress (
    indexed_id bigint NOT NULL
);
CREATE TABLE public.search_stale (
    id bigint NOT NULL
);
CREATE TABLE public.tasks (
    org text NOT NULL COLLATE pg_catalog."C",
    room_id text NOT NULL COLLATE pg_catalog."C",
    task_id text NOT NULL COLLATE pg_catalog."C",
    status integer NOT NULL,
    data bytea NOT NULL
);
INSERT INTO public.bindings OVERRIDING SYSTEM VALUE VALUES (1, 'acme', 'r', 'web', true, '\x0a01721203776562');
INSERT INTO public.bindings OVERRIDING SYSTEM VALUE VALUES (2, 'acme', 'r', 'sms', true, '\x0a01721203736d73520170');
INSERT INTO public.changes VALUES ('acme', 'r', 0, 2, '\x6368616e67652000206f6e65');
INSERT INTO public.changes VALUES ('acme', 'r', 1, 2, '\x656469746564');
INSERT INTO public.channels VALUES ('acme', 'sms', '\x0a03736d731001');
INSERT INTO public.deliveries VALUES ('acme', 'r', 0, 'd1', 'sms', 3, '\x0a0264311201721a03736d732207722d6530303030320608031202703152060880e2cfaa06');
INSERT INTO public.deliveries VALUES ('acme', 'r', 1, 'd2', 'sms', 1, '\x0a0264321201721a03736d732207722d653030303128013202080152060881e2cfaa06');
INSERT INTO public.delivery_provider_ids VALUES ('acme', 'sms', 'p1', 'r', 'd1');
INSERT INTO public.events OVERRIDING SYSTEM VALUE VALUES (2, 'acme', 'r', 1, 'r-e0001', 1, 2, false, 'r-e0000', 'sms', '', '', 1700000001, '\x0a07722d653030303112017218012001280232050a03736d733a0d0a0b0a09616e20616e737765726a07722d65303030308a01060881e2cfaa06');
INSERT INTO public.events OVERRIDING SYSTEM VALUE VALUES (3, 'acme', 'r', 2, 'r-e0002', 1, 5, false, '', '', '', '', 1700000002, '\x0a07722d65303030321201721802200128053a110a0f0a0d736f206dc3bc646520f09f99828a01060882e2cfaa06');
INSERT INTO public.events OVERRIDING SYSTEM VALUE VALUES (1, 'acme', 'r', 0, 'r-e0000', 1, 2, false, '', '', '', '', 1700000000, '\x0a07722d65303030301201721800200128023a110a0f0a0d676f6f6462796520776f726c648a01060880e2cfaa06a201060889e2cfaa06');
INSERT INTO public.events OVERRIDING SYSTEM VALUE VALUES (4, 'other', 'closed', 0, 'closed-e0000', 1, 2, false, '', '', '', '', 1700000000, '\x0a0c636c6f7365642d65303030301206636c6f7365641800200128023a0d0a0b0a09656c736577686572658a01060880e2cfaa06');
INSERT INTO public.handlers VALUES ('acme', 'text', '\x0a0474657874');
INSERT INTO public.hooks VALUES ('acme', 'guard', '\x0a056775617264120461636d65');
INSERT INTO public.keys VALUES ('acme', 'room:r', 'k', 11700000000, '\x7072696e742d6b', '\x76616c75652d6b');
INSERT INTO public.last_commit VALUES (true, '854533b7a322a0d8', 3);
INSERT INTO public.markers VALUES ('acme', 'r', 'sms', '\x0a01721203736d731801');
INSERT INTO public.observations VALUES ('acme', 'r', 'o', 'mood', '\x0a016f12017222046d6f6f642a04676c6164');
INSERT INTO public.observer_rows OVERRIDING SYSTEM VALUE VALUES (1, 'acme', 'guard', 'r', 'i', 2, 'r-e0000', '\x', 1700000000, 1, 0, false, 0, '\x');
INSERT INTO public.participants OVERRIDING SYSTEM VALUE VALUES (1, 'acme', 'r', 'p', true, '\x0a01701201721a03736d73');
INSERT INTO public.queued VALUES ('acme', 'r', 'q', 1700000000, '\x0a0172');
INSERT INTO public.rooms VALUES ('acme', 'r', 1, 1700000000, 1700000060, '\x0a0172120461636d6518015a060880e2cfaa06');
INSERT INTO public.rooms VALUES ('other', 'closed', 1, 1700000000, NULL, '\x0a06636c6f736564120461636d6518015a060880e2cfaa06');
INSERT INTO public.schema_version VALUES (1, 'rooms, events, deliveries, keys, channels, hooks, handlers, search');
INSERT INTO public.schema_version VALUES (2, 'what durable observers have still to see');
INSERT INTO public.schema_version VALUES (3, 'where the log of a room begins');
INSERT INTO public.schema_version VALUES (4, 'rooms that are being erased');
INSERT INTO public.search VALUES (1, '''goodbye'':1 ''o:7dd7eea36c357c826d21bc31'' ''r:7aac51ce1804a3838b313d16'' ''world'':2');
INSERT INTO public.search VALUES (2, '''an'':1 ''answer'':2 ''o:7dd7eea36c357c826d21bc31'' ''r:7aac51ce1804a3838b313d16''');
INSERT INTO public.search VALUES (4, '''elsewhere'':1 ''o:592e32483ebb4488b8f4e86e'' ''r:42b3bb76e509f8f736a1e5b1''');
INSERT INTO public.search_progress VALUES (4);
INSERT INTO public.tasks VALUES ('acme', 'r', 't', 1, '\x0a01741201721a0963616c6c206261636b3001');
SELECT pg_catalog.setval('public.bindings_id_seq', 2, true);
SELECT pg_catalog.setval('public.events_id_seq', 4, true);
SELECT pg_catalog.setval('public.observer_rows_id_seq', 1, true);
SELECT pg_catalog.setval('public.participants_id_seq', 1, true);
ALTER TABLE ONLY public.bindings
    ADD CONSTRAINT bindings_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.changes
    ADD CONSTRAINT changes_pkey PRIMARY KEY (org, room_id, sequence);
ALTER TABLE ONLY public.channels
    ADD CONSTRAINT channels_pkey PRIMARY KEY (org, channel_id);
ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT deliveries_pkey PRIMARY KEY (org, delivery_id);
ALTER TABLE ONLY public.delivery_provider_ids
    ADD CONSTRAINT delivery_provider_ids_pkey PRIMARY KEY (org, channel_id, provider_message_id);
ALTER TABLE ONLY public.erasures
    ADD CONSTRAINT erasures_pkey PRIMARY KEY (org, room_id);
ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.handlers
    ADD CONSTRAINT handlers_pkey PRIMARY KEY (org, name);
ALTER TABLE ONLY public.hooks
    ADD CONSTRAINT hooks_pkey PRIMARY KEY (org, name);
ALTER TABLE ONLY public.horizons
    ADD CONSTRAINT horizons_pkey PRIMARY KEY (org, room_id);
ALTER TABLE ONLY public.keys
    ADD CONSTRAINT keys_pkey PRIMARY KEY (org, scope, key);
ALTER TABLE ONLY public.last_commit
    ADD CONSTRAINT last_commit_pkey PRIMARY KEY (one);
ALTER TABLE ONLY public.markers
    ADD CONSTRAINT markers_pkey PRIMARY KEY (org, room_id, channel_id);
ALTER TABLE ONLY public.observations
    ADD CONSTRAINT observations_pkey PRIMARY KEY (org, room_id, observation_id);
ALTER TABLE ONLY public.observer_rows
    ADD CONSTRAINT observer_rows_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.participants
    ADD CONSTRAINT participants_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.queued
    ADD CONSTRAINT queued_pkey PRIMARY KEY (org, room_id, queued_id);
ALTER TABLE ONLY public.rooms
    ADD CONSTRAINT rooms_pkey PRIMARY KEY (org, room_id);
ALTER TABLE ONLY public.schema_version
    ADD CONSTRAINT schema_version_pkey PRIMARY KEY (number);
ALTER TABLE ONLY public.search
    ADD CONSTRAINT search_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.search_stale
    ADD CONSTRAINT search_stale_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.tasks
    ADD CONSTRAINT tasks_pkey PRIMARY KEY (org, room_id, task_id);
CREATE INDEX bindings_channel ON public.bindings USING btree (org, channel_id, room_id);
CREATE INDEX bindings_open ON public.bindings USING btree (org, channel_id, room_id) WHERE open;
CREATE UNIQUE INDEX bindings_room ON public.bindings USING btree (org, room_id, channel_id);
CREATE INDEX deliveries_event ON public.deliveries USING btree (org, room_id, event_index, delivery_id);
CREATE INDEX deliveries_unfinished ON public.deliveries USING btree (org, room_id, channel_id, event_index, delivery_id) WHERE (state = ANY (ARRAY[1, 2]));
CREATE INDEX delivery_provider_ids_room ON public.delivery_provider_ids USING btree (org, room_id);
CREATE UNIQUE INDEX events_id ON public.events USING btree (org, event_id);
CREATE UNIQUE INDEX events_log ON public.events USING btree (org, room_id, idx);
CREATE INDEX events_thread ON public.events USING btree (org, room_id, parent_event_id, idx) WHERE (parent_event_id <> ''::text);
CREATE INDEX keys_expiry ON public.keys USING btree (expires);
CREATE INDEX observer_rows_hook ON public.observer_rows USING btree (org, hook, parked, room_id, id);
CREATE UNIQUE INDEX observer_rows_id ON public.observer_rows USING btree (org, invocation_id);
CREATE INDEX observer_rows_parked ON public.observer_rows USING btree (park_time) WHERE parked;
CREATE INDEX observer_rows_room ON public.observer_rows USING btree (org, room_id);
CREATE INDEX participants_open ON public.participants USING btree (org, participant_id, room_id) WHERE open;
CREATE UNIQUE INDEX participants_room ON public.participants USING btree (org, room_id, participant_id);
CREATE INDEX participants_rooms ON public.participants USING btree (org, participant_id, room_id);
CREATE INDEX rooms_due ON public.rooms USING btree (timer_due) WHERE (timer_due IS NOT NULL);
CREATE INDEX search_words ON public.search USING gin (words);
CREATE TRIGGER event_changed AFTER UPDATE ON public.events FOR EACH ROW EXECUTE FUNCTION public.note_changed_event();
CREATE TRIGGER room_opened_or_closed AFTER UPDATE OF status ON public.rooms FOR EACH ROW WHEN (((old.status = ANY (ARRAY[1, 2])) <> (new.status = ANY (ARRAY[1, 2])))) EXECUTE FUNCTION public.follow_room();
