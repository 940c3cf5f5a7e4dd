-- One of every kind of thing that a database can hold, under names and with contents that are hard to carry.
CREATE SCHEMA "Odd ""schema""; -- end'";
CREATE SCHEMA app;
COMMENT ON SCHEMA app IS 'it''s a "comment" with \! and
a second line';
ALTER DATABASE :db SET work_mem TO '5MB';

-- Types
CREATE TYPE app.mood AS ENUM ('good', 'it''s bad', 'with "quotes"', E'line\nfeed');
CREATE TYPE app.pair AS (left_one int, "Right one" text);
CREATE TYPE app.span AS RANGE (SUBTYPE = float8, SUBTYPE_DIFF = float8mi);
CREATE DOMAIN app.percent AS numeric(5, 2) DEFAULT 0 CONSTRAINT "0 to 100" CHECK (VALUE BETWEEN 0 AND 100) NOT NULL;
CREATE DOMAIN app.percents AS app.percent[];
CREATE TYPE app.base;
CREATE FUNCTION app.base_in(cstring) RETURNS app.base LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION app.base_out(app.base) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE TYPE app.base (INPUT = app.base_in, OUTPUT = app.base_out, LIKE = int4);
CREATE COLLATION app.plain FROM "C";

-- Functions and what is made of them
CREATE FUNCTION app.add(app.pair, app.pair) RETURNS app.pair LANGUAGE sql IMMUTABLE AS $f$ SELECT ROW(($1).left_one + ($2).left_one, ($1)."Right one" || $$;\! '$$)::app.pair $f$;
CREATE OPERATOR app.++% (FUNCTION = app.add, LEFTARG = app.pair, RIGHTARG = app.pair, COMMUTATOR = OPERATOR(app.++%));
CREATE AGGREGATE app.total (app.pair) (SFUNC = app.add, STYPE = app.pair, INITCOND = '(0,"")');
CREATE FUNCTION app.to_pair(int) RETURNS app.pair LANGUAGE sql IMMUTABLE AS 'SELECT ROW($1, ''x'')::app.pair';
CREATE CAST (int AS app.pair) WITH FUNCTION app.to_pair(int) AS ASSIGNMENT;
CREATE FUNCTION app.less(app.pair, app.pair) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT ($1).left_one < ($2).left_one';
CREATE FUNCTION app.compare(app.pair, app.pair) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT ($1).left_one - ($2).left_one';
CREATE OPERATOR app.<<< (FUNCTION = app.less, LEFTARG = app.pair, RIGHTARG = app.pair);
CREATE OPERATOR FAMILY app.pairs USING btree;
CREATE OPERATOR CLASS app.pair_ops FOR TYPE app.pair USING btree FAMILY app.pairs AS OPERATOR 1 app.<<<, FUNCTION 1 app.compare(app.pair, app.pair);
CREATE PROCEDURE app.nothing() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$;
CREATE FUNCTION app.touched() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = app, pg_temp AS $$ BEGIN NEW.touched := '2026-01-01'; RETURN NEW; END $$;
CREATE FUNCTION app.told() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE DEBUG '%', tg_tag; END $$;

-- Tables of every sort
CREATE TABLE app.people (
    id bigint GENERATED ALWAYS AS IDENTITY (START 7 INCREMENT 3) PRIMARY KEY,
    name text COLLATE app.plain NOT NULL,
    feeling app.mood DEFAULT 'it''s bad',
    two app.pair,
    shares app.percents,
    range app.span,
    odd app.base,
    shout text GENERATED ALWAYS AS (upper(name)) STORED,
    touched date,
    photo bytea,
    about jsonb,
    doc xml,
    words tsvector,
    bits bit varying(9),
    addr inet,
    spent money,
    at timestamptz,
    took interval,
    "1st ""odd"" column, really" text[],
    CONSTRAINT "name; --" CHECK (name <> '' AND name !~ E'\\\\!'),
    EXCLUDE USING gist (range WITH &&)
) WITH (fillfactor = 70);
COMMENT ON COLUMN app.people."1st ""odd"" column, really" IS E'tab\there';
ALTER TABLE app.people ALTER COLUMN about SET STORAGE EXTERNAL, ALTER COLUMN name SET STATISTICS 321;
ALTER TABLE app.people DROP COLUMN doc;
CREATE INDEX ON app.people USING gin (about jsonb_path_ops);
CREATE UNIQUE INDEX "index of an expression" ON app.people (lower(name) DESC NULLS LAST, id) INCLUDE (touched) WHERE feeling <> 'good';
CREATE STATISTICS app.known (dependencies, mcv) ON feeling, touched FROM app.people;
CREATE TRIGGER touch BEFORE INSERT OR UPDATE OF name ON app.people FOR EACH ROW WHEN (NEW.name <> 'x') EXECUTE FUNCTION app.touched();
ALTER TABLE app.people DISABLE TRIGGER touch;
ALTER TABLE app.people CLUSTER ON people_pkey;
ALTER TABLE app.people REPLICA IDENTITY FULL;
INSERT INTO app.people (name, two, shares, range, odd, photo, about, words, bits, addr, spent, at, took, "1st ""odd"" column, really")
    SELECT 'n' || n, ROW(n, E'tab\t"quote" \\ back')::app.pair, ARRAY[n, 1.5]::app.percents, ('[' || n || ',' || n || '.5)')::app.span, n::text::app.base,
        decode(repeat('00ff0a5c', n), 'hex'), jsonb_build_object('k', repeat('v', 3000), 'n', NULL), to_tsvector('simple', 'some words ' || n), B'101',
        '10.0.0.1/8', 12.5, '2026-02-03 04:05:06.789+05', '1 year 2 days', ARRAY[E'a,b\n', NULL, '', '"', '\', '{}', 'NULL']
    FROM generate_series(1, 50) n;
INSERT INTO app.people (id, name, about) OVERRIDING SYSTEM VALUE VALUES (-5, E'\\.', 'null'), (-6, E'\\N', NULL), (-7, E'-- ; $$ \r\n\t\b\f\v', '"\\\\."');
ALTER TABLE app.people ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY "own ones" ON app.people AS RESTRICTIVE FOR SELECT TO PUBLIC USING (name = current_user);

CREATE TABLE "Odd ""schema""; -- end'"."t'a\b;le
two" ("COPY" text, "select" int DEFAULT nextval('app.people_id_seq'), UNIQUE NULLS DISTINCT ("COPY"));
INSERT INTO "Odd ""schema""; -- end'"."t'a\b;le
two" VALUES (E'\\.\n\\!'), (''), (NULL), (NULL);
CREATE UNLOGGED TABLE app.volatile (a int); INSERT INTO app.volatile VALUES (1);
CREATE TABLE app.empty ();
INSERT INTO app.empty DEFAULT VALUES;
CREATE TABLE app.typed OF app.pair (PRIMARY KEY (left_one)); INSERT INTO app.typed VALUES (1, 'x');
CREATE TABLE app.parent (a int, b text DEFAULT 'p'); CREATE TABLE app.child (c int CHECK (c > 0)) INHERITS (app.parent);
ALTER TABLE app.child ALTER COLUMN b SET DEFAULT 'c'; ALTER TABLE app.parent ADD CONSTRAINT kept CHECK (a > 0) NO INHERIT;
INSERT INTO app.parent VALUES (1); INSERT INTO app.child VALUES (-2, DEFAULT, 3);
CREATE TABLE app.measured (at date NOT NULL, region text, value float8, PRIMARY KEY (at, region)) PARTITION BY RANGE (at);
CREATE TABLE app.measured_a PARTITION OF app.measured FOR VALUES FROM (MINVALUE) TO ('2026-01-01') PARTITION BY LIST (region);
CREATE TABLE app.measured_a_eu PARTITION OF app.measured_a FOR VALUES IN ('eu', 'it''s'); CREATE TABLE app.measured_a_rest PARTITION OF app.measured_a DEFAULT;
CREATE TABLE app.measured_b PARTITION OF app.measured FOR VALUES FROM ('2026-01-01') TO (MAXVALUE);
CREATE INDEX ON app.measured (value);
INSERT INTO app.measured SELECT '2025-12-20'::date + n, CASE n % 3 WHEN 0 THEN 'eu' WHEN 1 THEN 'us' ELSE 'it''s' END, n * 'Infinity'::float8 FROM generate_series(1, 20) n;
INSERT INTO app.measured VALUES ('-infinity', 'eu', 'NaN'), ('0044-03-15 BC', 'eu', -0.0), ('infinity', 'eu', 1e-307);
CREATE TABLE app.hashed (k int) PARTITION BY HASH (k); CREATE TABLE app.hashed_0 PARTITION OF app.hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE app.hashed_1 PARTITION OF app.hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1); INSERT INTO app.hashed SELECT generate_series(1, 9);
-- Two that refer to each other, one of them not yet checked
CREATE TABLE app.egg (id int PRIMARY KEY, hen int); CREATE TABLE app.hen (id int PRIMARY KEY, egg int REFERENCES app.egg ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED);
INSERT INTO app.egg VALUES (1, 1), (2, 404); INSERT INTO app.hen VALUES (1, 1);
ALTER TABLE app.egg ADD CONSTRAINT laid FOREIGN KEY (hen) REFERENCES app.hen NOT VALID;
CREATE FUNCTION app.fails_alone() RETURNS int LANGUAGE sql AS 'SELECT count(*)::int FROM app.people';
-- A check that other rows are needed for, which a restore in the wrong order would refuse
CREATE TABLE app.checked (n int CHECK (n <= app.fails_alone() + 1000)); INSERT INTO app.checked VALUES (3);

-- Views, rules, sequences
CREATE VIEW app.seen WITH (security_barrier) AS SELECT id, name, (two)."Right one" AS "Right" FROM app.people WHERE id > 0 WITH LOCAL CHECK OPTION;
CREATE MATERIALIZED VIEW app.summed AS SELECT feeling, count(*) AS n, app.total(two) AS t FROM app.people GROUP BY 1 WITH DATA;
CREATE UNIQUE INDEX ON app.summed (feeling); CREATE MATERIALIZED VIEW app.unfilled AS SELECT * FROM app.summed WITH NO DATA;
CREATE RECURSIVE VIEW app.counted (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM counted WHERE n < 3;
CREATE RULE instead AS ON DELETE TO app.seen DO INSTEAD UPDATE app.people SET name = 'gone' WHERE id = OLD.id;
CREATE RULE twice AS ON INSERT TO app.seen DO ALSO (INSERT INTO app.hen VALUES (NEW.id, 1); DELETE FROM app.hen WHERE (id = NEW.id);NOTIFY "; seen");
SELECT current_setting('server_version_num')::int >= 140000 AS atomic \gset
\if :atomic
CREATE FUNCTION app.whole(n int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT CASE WHEN n > 1 THEN (SELECT 1) ELSE CASE n WHEN 0 THEN 2 END END; SELECT 3; END;
CREATE PROCEDURE app.whole_too(n int) BEGIN ATOMIC DELETE FROM app.checked WHERE checked.n = 404; DELETE FROM app.checked WHERE checked.n = 405; END;
\endif
CREATE SEQUENCE app.steps AS smallint INCREMENT -2 MINVALUE -100 MAXVALUE 50 START 10 CYCLE CACHE 3; SELECT nextval('app.steps'), setval('app.people_id_seq', 4711, false);

-- Text search, foreign data, replication, events, rights
CREATE TEXT SEARCH DICTIONARY app.words (TEMPLATE = simple, ACCEPT = false); CREATE TEXT SEARCH CONFIGURATION app.search (COPY = simple);
ALTER TEXT SEARCH CONFIGURATION app.search ALTER MAPPING FOR asciiword WITH app.words, simple;
CREATE FOREIGN DATA WRAPPER nowhere OPTIONS (secret 'it''s'); CREATE SERVER elsewhere TYPE 't' VERSION '1' FOREIGN DATA WRAPPER nowhere;
CREATE USER MAPPING FOR PUBLIC SERVER elsewhere OPTIONS ("user" 'u'); CREATE FOREIGN TABLE app.far (a int OPTIONS (o 'x'), b text NOT NULL) SERVER elsewhere OPTIONS (t 'y');
CREATE PUBLICATION "all of app" FOR TABLE app.egg, app.hen WITH (publish = 'insert,delete');
CREATE EVENT TRIGGER "told ""of""" ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION app.told();
GRANT USAGE ON SCHEMA app TO torturer; GRANT SELECT (name), UPDATE (touched) ON app.people TO torturer WITH GRANT OPTION; GRANT ALL ON app.steps TO PUBLIC;
REVOKE EXECUTE ON FUNCTION app.to_pair(int) FROM PUBLIC; ALTER TABLE app.egg OWNER TO torturer;
ALTER DEFAULT PRIVILEGES FOR ROLE torturer IN SCHEMA app GRANT SELECT ON TABLES TO PUBLIC;
CREATE CAST (app.base AS int) WITHOUT FUNCTION;
CREATE TRANSFORM FOR int LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal), TO SQL WITH FUNCTION int4recv(internal));

-- Large objects, empty ones too, with an owner and a comment
SELECT lo_create(70001), lo_from_bytea(70002, '\x00ff0a5c2e'), lo_from_bytea(70003, decode(repeat('ab', 300000), 'hex'));
ALTER LARGE OBJECT 70002 OWNER TO torturer; GRANT SELECT ON LARGE OBJECT 70003 TO PUBLIC; COMMENT ON LARGE OBJECT 70002 IS 'an object';
