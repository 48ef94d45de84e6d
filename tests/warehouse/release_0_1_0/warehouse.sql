--
-- PostgreSQL database dump
--

\restrict lyHlqK8b7aSlL8pRVPhebdPkbyXGe88DkGhjxfeTbgzR9zdoWjF08EUDH7EnNZ1

-- Dumped from database version 18.4
-- Dumped by pg_dump version 18.4

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: chunks; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.chunks (
    run_id text NOT NULL COLLATE pg_catalog."C",
    chunk integer NOT NULL,
    state text NOT NULL,
    images integer,
    detections integer,
    seconds real,
    marker jsonb,
    reason text,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT chunks_state_check CHECK ((state = ANY (ARRAY['planned'::text, 'merged'::text, 'failed'::text])))
);


--
-- Name: classes; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.classes (
    model text NOT NULL COLLATE pg_catalog."C",
    class_id integer NOT NULL,
    name text NOT NULL
);


--
-- Name: detections; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.detections (
    sha256 text NOT NULL COLLATE pg_catalog."C",
    model text NOT NULL COLLATE pg_catalog."C",
    settings_hash text NOT NULL COLLATE pg_catalog."C",
    run_id text NOT NULL COLLATE pg_catalog."C",
    chunk integer NOT NULL,
    class_ids integer[] NOT NULL,
    scores real[] NOT NULL,
    x1 real[] NOT NULL,
    y1 real[] NOT NULL,
    x2 real[] NOT NULL,
    y2 real[] NOT NULL,
    polygons jsonb
)
WITH (toast_tuple_target='8160');


--
-- Name: outcomes; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.outcomes (
    run_id text NOT NULL COLLATE pg_catalog."C",
    uri text NOT NULL COLLATE pg_catalog."C",
    chunk integer,
    outcome text NOT NULL,
    detections integer NOT NULL,
    sha256 text COLLATE pg_catalog."C",
    width integer,
    height integer,
    task integer,
    frame integer,
    reason text,
    brightness real
);


--
-- Name: runs; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.runs (
    run_id text NOT NULL COLLATE pg_catalog."C",
    model text NOT NULL COLLATE pg_catalog."C",
    settings_hash text NOT NULL COLLATE pg_catalog."C",
    images_uri text NOT NULL,
    spec jsonb NOT NULL,
    state text NOT NULL,
    stages jsonb NOT NULL,
    started_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT runs_state_check CHECK ((state = ANY (ARRAY['running'::text, 'success'::text, 'partial'::text, 'failed'::text])))
);


--
-- Name: run_drafts; Type: VIEW; Schema: public; Owner: -
--

CREATE VIEW public.run_drafts AS
 SELECT o.run_id,
    o.uri,
    o.outcome,
    o.sha256,
    o.width,
    o.height,
    o.task,
    o.frame,
    d.model,
    d.settings_hash,
    d.run_id AS inferred_by,
    cardinality(d.scores) AS detections,
    d.class_ids,
    d.scores,
    d.x1,
    d.y1,
    d.x2,
    d.y2,
    d.polygons
   FROM ((public.runs r
     JOIN public.outcomes o ON (((o.run_id = r.run_id) AND (o.outcome = ANY (ARRAY['ok'::text, 'empty'::text, 'known'::text, 'duplicate'::text])))))
     JOIN public.detections d ON (((d.sha256 = o.sha256) AND (d.model = r.model) AND (d.settings_hash = r.settings_hash))));


--
-- Name: class_statistics; Type: VIEW; Schema: public; Owner: -
--

CREATE VIEW public.class_statistics AS
 SELECT s.run_id,
    s.model,
    s.class_id,
    c.name AS class,
    s.detections,
    s.images,
    s.mean_score,
    s.min_score,
    s.max_score
   FROM (( SELECT r.run_id,
            r.model,
            u.class_id,
            (sum(u.detections))::bigint AS detections,
            count(*) AS images,
            ((sum(u.total) / (sum(u.detections))::double precision))::real AS mean_score,
            min(u."least") AS min_score,
            max(u.most) AS max_score
           FROM (public.run_drafts r
             CROSS JOIN LATERAL ( SELECT d.class_id,
                    count(*) AS detections,
                    sum(d.score) AS total,
                    min(d.score) AS "least",
                    max(d.score) AS most
                   FROM UNNEST(r.class_ids, r.scores) d(class_id, score)
                  GROUP BY d.class_id) u)
          WHERE (r.outcome = 'ok'::text)
          GROUP BY r.run_id, r.model, u.class_id) s
     LEFT JOIN public.classes c ON (((c.model = s.model) AND (c.class_id = s.class_id))));


--
-- Name: images; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.images (
    uri text NOT NULL COLLATE pg_catalog."C",
    sha256 text COLLATE pg_catalog."C",
    etag text NOT NULL,
    size bigint NOT NULL,
    width integer,
    height integer,
    task integer,
    frame integer,
    model text COLLATE pg_catalog."C",
    settings_hash text COLLATE pg_catalog."C",
    run_id text NOT NULL COLLATE pg_catalog."C",
    seen_at timestamp with time zone NOT NULL
);


--
-- Name: current_drafts; Type: VIEW; Schema: public; Owner: -
--

CREATE VIEW public.current_drafts AS
 SELECT i.uri,
    i.sha256,
    i.width,
    i.height,
    i.task,
    i.frame,
    i.model,
    i.settings_hash,
    i.run_id,
    i.seen_at,
    cardinality(d.scores) AS detections,
    d.class_ids,
    d.scores,
    d.x1,
    d.y1,
    d.x2,
    d.y2,
    d.polygons
   FROM (public.images i
     JOIN public.detections d USING (sha256, model, settings_hash));


--
-- Name: current_detections; Type: VIEW; Schema: public; Owner: -
--

CREATE VIEW public.current_detections AS
 SELECT i.uri,
    i.sha256,
    i.width,
    i.height,
    i.task,
    i.frame,
    i.model,
    i.run_id,
    (u.number)::integer AS number,
    u.class_id,
    c.name AS class,
    u.score,
    u.x1,
    u.y1,
    u.x2,
    u.y2,
    (i.polygons -> ((u.number - 1))::integer) AS polygons
   FROM ((public.current_drafts i
     CROSS JOIN LATERAL UNNEST(i.class_ids, i.scores, i.x1, i.y1, i.x2, i.y2) WITH ORDINALITY u(class_id, score, x1, y1, x2, y2, number))
     LEFT JOIN public.classes c ON (((c.model = i.model) AND (c.class_id = u.class_id))));


--
-- Name: draft_detections; Type: VIEW; Schema: public; Owner: -
--

CREATE VIEW public.draft_detections AS
 SELECT d.sha256,
    d.model,
    d.settings_hash,
    d.run_id,
    d.chunk,
    (u.number)::integer AS number,
    u.class_id,
    c.name AS class,
    u.score,
    u.x1,
    u.y1,
    u.x2,
    u.y2,
    (d.polygons -> ((u.number - 1))::integer) AS polygons
   FROM ((public.detections d
     CROSS JOIN LATERAL UNNEST(d.class_ids, d.scores, d.x1, d.y1, d.x2, d.y2) WITH ORDINALITY u(class_id, score, x1, y1, x2, y2, number))
     LEFT JOIN public.classes c ON (((c.model = d.model) AND (c.class_id = u.class_id))));


--
-- Name: drafts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.drafts (
    server text NOT NULL,
    task integer NOT NULL,
    frame integer NOT NULL,
    model text NOT NULL,
    settings_hash text NOT NULL,
    run_id text NOT NULL,
    state text NOT NULL,
    detections integer[] NOT NULL,
    shape_ids bigint[] NOT NULL,
    fingerprints bigint[] NOT NULL,
    sent json,
    unsure boolean DEFAULT false NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT drafts_state_check CHECK ((state = ANY (ARRAY['sending'::text, 'drafted'::text, 'removing'::text, 'kept'::text])))
);
ALTER TABLE ONLY public.drafts ALTER COLUMN sent SET STORAGE EXTERNAL;


--
-- Name: label_mappings; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.label_mappings (
    server text NOT NULL,
    scope text NOT NULL,
    model text NOT NULL,
    state text NOT NULL,
    proposal jsonb NOT NULL,
    labels jsonb NOT NULL,
    answer jsonb,
    answered_by text,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT label_mappings_state_check CHECK ((state = ANY (ARRAY['asked'::text, 'approved'::text, 'rejected'::text])))
);


--
-- Name: models; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.models (
    model text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    version text NOT NULL,
    kind text NOT NULL,
    source text NOT NULL,
    threshold real NOT NULL,
    admitted boolean NOT NULL,
    reasons jsonb NOT NULL,
    options jsonb,
    decided_at timestamp with time zone NOT NULL
);


--
-- Name: publications; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.publications (
    run_id text NOT NULL,
    server text NOT NULL,
    task integer NOT NULL,
    task_name text NOT NULL,
    scope text NOT NULL,
    model text NOT NULL,
    state text NOT NULL,
    reason text,
    mapping jsonb NOT NULL,
    counts jsonb NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT publications_state_check CHECK ((state = ANY (ARRAY['running'::text, 'published'::text, 'waiting'::text, 'refused'::text, 'failed'::text, 'withdrawn'::text])))
);


--
-- Name: published_shapes; Type: VIEW; Schema: public; Owner: -
--

CREATE VIEW public.published_shapes AS
 SELECT d.server,
    d.task,
    d.frame,
    s.shape_id,
    s.detection,
    d.model,
    d.settings_hash,
    d.run_id,
    d.state
   FROM (public.drafts d
     CROSS JOIN LATERAL UNNEST(d.shape_ids, d.detections) s(shape_id, detection))
  WHERE (s.shape_id IS NOT NULL);


--
-- Name: quality_profiles; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.quality_profiles (
    run_id text NOT NULL,
    measure text NOT NULL,
    bin integer NOT NULL,
    count bigint NOT NULL,
    CONSTRAINT quality_profiles_measure_check CHECK ((measure = ANY (ARRAY['class'::text, 'score'::text, 'boxes'::text, 'size'::text])))
);


--
-- Name: quality_bases; Type: VIEW; Schema: public; Owner: -
--

CREATE VIEW public.quality_bases AS
 SELECT r.run_id,
    e.run_id AS earlier_run,
    e.place
   FROM (public.runs r
     CROSS JOIN LATERAL ( SELECT b.run_id,
            row_number() OVER (ORDER BY b.started_at DESC, b.run_id) AS place
           FROM public.runs b
          WHERE ((b.model = r.model) AND (b.settings_hash = r.settings_hash) AND (b.started_at < r.started_at) AND (EXISTS ( SELECT
                   FROM public.quality_profiles p
                  WHERE (p.run_id = b.run_id))))) e);


--
-- Name: quality_results; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.quality_results (
    run_id text NOT NULL,
    suite text NOT NULL,
    expectation text NOT NULL,
    severity text NOT NULL,
    success boolean NOT NULL,
    observed text NOT NULL,
    value double precision,
    sentence text NOT NULL,
    CONSTRAINT quality_results_severity_check CHECK ((severity = ANY (ARRAY['critical'::text, 'warning'::text])))
);


--
-- Name: quality_trend; Type: VIEW; Schema: public; Owner: -
--

CREATE VIEW public.quality_trend AS
SELECT
    NULL::text COLLATE pg_catalog."C" AS run_id,
    NULL::timestamp with time zone AS started_at,
    NULL::text COLLATE pg_catalog."C" AS model,
    NULL::text AS state,
    NULL::text AS verdict,
    NULL::bigint AS images,
    NULL::bigint AS detections,
    NULL::double precision AS drift,
    NULL::bigint AS critical,
    NULL::bigint AS warnings,
    NULL::double precision AS empty_rate,
    NULL::double precision AS unreadable_rate,
    NULL::double precision AS duplicate_rate,
    NULL::double precision AS speed;


--
-- Name: quality_verdicts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.quality_verdicts (
    run_id text NOT NULL,
    verdict text NOT NULL,
    images bigint NOT NULL,
    detections bigint NOT NULL,
    drift double precision,
    checked_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT quality_verdicts_verdict_check CHECK ((verdict = ANY (ARRAY['passed'::text, 'warnings'::text, 'failed'::text])))
);


--
-- Name: run_detections; Type: VIEW; Schema: public; Owner: -
--

CREATE VIEW public.run_detections AS
 SELECT r.run_id,
    r.uri,
    r.outcome,
    r.sha256,
    r.width,
    r.height,
    r.task,
    r.frame,
    r.model,
    r.inferred_by,
    (u.number)::integer AS number,
    u.class_id,
    c.name AS class,
    u.score,
    u.x1,
    u.y1,
    u.x2,
    u.y2,
    (r.polygons -> ((u.number - 1))::integer) AS polygons
   FROM ((public.run_drafts r
     CROSS JOIN LATERAL UNNEST(r.class_ids, r.scores, r.x1, r.y1, r.x2, r.y2) WITH ORDINALITY u(class_id, score, x1, y1, x2, y2, number))
     LEFT JOIN public.classes c ON (((c.model = r.model) AND (c.class_id = u.class_id))));


--
-- Name: run_statistics; Type: VIEW; Schema: public; Owner: -
--

CREATE VIEW public.run_statistics AS
SELECT
    NULL::text COLLATE pg_catalog."C" AS run_id,
    NULL::text AS state,
    NULL::text COLLATE pg_catalog."C" AS model,
    NULL::text AS images_uri,
    NULL::timestamp with time zone AS started_at,
    NULL::timestamp with time zone AS finished_at,
    NULL::bigint AS images,
    NULL::bigint AS ok,
    NULL::bigint AS empty,
    NULL::bigint AS unreadable,
    NULL::bigint AS missing,
    NULL::bigint AS known,
    NULL::bigint AS duplicate,
    NULL::bigint AS failed,
    NULL::bigint AS detections;


--
-- Name: schema_migrations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.schema_migrations (
    version integer NOT NULL,
    name text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Data for Name: chunks; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.chunks (run_id, chunk, state, images, detections, seconds, marker, reason, changed_at) FROM stdin;
manual__2026-11-24T21:39:18_5f8d3e	0	merged	5	3	2.813	{"host": "vm", "rows": 5, "chunk": "32944fd441d12aed", "device": "cpu", "pixels": 160999.2, "sha256": "824f5745aed3f30c5dd23839f9c80dd0fe9f8594ff982c364bbb3ec8ac339147", "attempt": 1, "resumed": 0, "seconds": 2.813, "ended_at": "2026-11-24T21:39:26.093+00:00", "outcomes": {"ok": 3, "empty": 2}, "batch_size": 8, "detections": 3, "load_seconds": 2.502, "fetch_seconds": 0.007, "infer_seconds": 0.232, "decode_seconds": 0.044, "images_per_second": 34.636}	\N	2026-11-24 21:39:26.841097+00
manual__2026-11-24T21:39:32_5606ae	0	merged	7	6	2.427	{"host": "vm", "rows": 7, "chunk": "8f34326e53d681f7", "device": "cpu", "pixels": 160999.2, "sha256": "b7b0ba530b50abf13fdff6c0f83ea2ec568591fcadb72304e8c1e9f44118c6ba", "attempt": 1, "resumed": 0, "seconds": 2.427, "ended_at": "2026-11-24T21:39:37.627+00:00", "outcomes": {"ok": 4, "empty": 1, "unreadable": 2}, "batch_size": 8, "detections": 6, "load_seconds": 2.177, "fetch_seconds": 0.014, "infer_seconds": 0.186, "decode_seconds": 0.016, "images_per_second": 65.314}	\N	2026-11-24 21:39:38.262395+00
manual__2026-11-24T21:39:42_535b0d	0	merged	2	0	1.695	{"host": "vm", "rows": 2, "chunk": "0c32507bfdde9f72", "device": "cpu", "pixels": null, "sha256": "814c3e054b9a73cb506f6b619b294dec723f8d09c75a0f3297627a65187beb24", "attempt": 1, "resumed": 0, "seconds": 1.695, "ended_at": "2026-11-24T21:39:47.237+00:00", "outcomes": {"unreadable": 2}, "batch_size": 8, "detections": 0, "load_seconds": 1.59, "fetch_seconds": 0.003, "infer_seconds": 0.0, "decode_seconds": 0.0, "images_per_second": 1110.878}	\N	2026-11-24 21:39:47.866818+00
manual__2026-11-24T21:39:52_92b092	0	merged	7	10	1.265	{"host": "vm", "rows": 7, "chunk": "9fa9b69794c6b0b2", "device": "cpu", "pixels": 160999.2, "sha256": "9aaa6dd6ecaea10a76cef9bf5d1b2940b46766ed6151bc4e5492a5ecbfeb0f2b", "attempt": 1, "resumed": 0, "seconds": 1.265, "ended_at": "2026-11-24T21:39:58.923+00:00", "outcomes": {"ok": 5, "unreadable": 2}, "batch_size": 8, "detections": 10, "load_seconds": 1.162, "fetch_seconds": 0.012, "infer_seconds": 0.018, "decode_seconds": 0.017, "images_per_second": 347.976}	\N	2026-11-24 21:39:59.402054+00
manual__2026-11-24T21:40:03_c7c0b5	0	merged	3	2	1.743	{"host": "vm", "rows": 3, "chunk": "1e0b0cb7db3e6df3", "device": "cpu", "pixels": 223574.66666666666, "sha256": "8f6cd7a736254df59efecf3888c938927b88fb25b30dd5816c7c55ba5726417d", "attempt": 1, "resumed": 0, "seconds": 1.743, "ended_at": "2026-11-24T21:40:08.588+00:00", "outcomes": {"ok": 2, "empty": 1}, "batch_size": 8, "detections": 2, "load_seconds": 1.568, "fetch_seconds": 0.066, "infer_seconds": 0.118, "decode_seconds": 0.015, "images_per_second": 36.189}	\N	2026-11-24 21:40:09.18791+00
manual__2026-11-24T21:40:14_ffffc3	0	merged	3	5	2.007	{"host": "vm", "rows": 3, "chunk": "56d552bba78e4ba1", "device": "cpu", "pixels": 223574.66666666666, "sha256": "ba0754303c7eedb554af87ce751f191f968043fabbe3cad5f7fa14a13f02f230", "attempt": 1, "resumed": 0, "seconds": 2.007, "ended_at": "2026-11-24T21:40:19.464+00:00", "outcomes": {"ok": 3}, "batch_size": 8, "detections": 5, "load_seconds": 1.793, "fetch_seconds": 0.343, "infer_seconds": 0.114, "decode_seconds": 0.017, "images_per_second": 37.14}	\N	2026-11-24 21:40:20.206113+00
\.


--
-- Data for Name: classes; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.classes (model, class_id, name) FROM stdin;
nanodet-coco@435cd36bb6d2	1	person
nanodet-coco@435cd36bb6d2	2	bicycle
nanodet-coco@435cd36bb6d2	3	car
nanodet-coco@435cd36bb6d2	4	motorcycle
nanodet-coco@435cd36bb6d2	5	airplane
nanodet-coco@435cd36bb6d2	6	bus
nanodet-coco@435cd36bb6d2	7	train
nanodet-coco@435cd36bb6d2	8	truck
nanodet-coco@435cd36bb6d2	9	boat
nanodet-coco@435cd36bb6d2	10	traffic light
nanodet-coco@435cd36bb6d2	11	fire hydrant
nanodet-coco@435cd36bb6d2	12	stop sign
nanodet-coco@435cd36bb6d2	13	parking meter
nanodet-coco@435cd36bb6d2	14	bench
nanodet-coco@435cd36bb6d2	15	bird
nanodet-coco@435cd36bb6d2	16	cat
nanodet-coco@435cd36bb6d2	17	dog
nanodet-coco@435cd36bb6d2	18	horse
nanodet-coco@435cd36bb6d2	19	sheep
nanodet-coco@435cd36bb6d2	20	cow
nanodet-coco@435cd36bb6d2	21	elephant
nanodet-coco@435cd36bb6d2	22	bear
nanodet-coco@435cd36bb6d2	23	zebra
nanodet-coco@435cd36bb6d2	24	giraffe
nanodet-coco@435cd36bb6d2	25	backpack
nanodet-coco@435cd36bb6d2	26	umbrella
nanodet-coco@435cd36bb6d2	27	handbag
nanodet-coco@435cd36bb6d2	28	tie
nanodet-coco@435cd36bb6d2	29	suitcase
nanodet-coco@435cd36bb6d2	30	frisbee
nanodet-coco@435cd36bb6d2	31	skis
nanodet-coco@435cd36bb6d2	32	snowboard
nanodet-coco@435cd36bb6d2	33	sports ball
nanodet-coco@435cd36bb6d2	34	kite
nanodet-coco@435cd36bb6d2	35	baseball bat
nanodet-coco@435cd36bb6d2	36	baseball glove
nanodet-coco@435cd36bb6d2	37	skateboard
nanodet-coco@435cd36bb6d2	38	surfboard
nanodet-coco@435cd36bb6d2	39	tennis racket
nanodet-coco@435cd36bb6d2	40	bottle
nanodet-coco@435cd36bb6d2	41	wine glass
nanodet-coco@435cd36bb6d2	42	cup
nanodet-coco@435cd36bb6d2	43	fork
nanodet-coco@435cd36bb6d2	44	knife
nanodet-coco@435cd36bb6d2	45	spoon
nanodet-coco@435cd36bb6d2	46	bowl
nanodet-coco@435cd36bb6d2	47	banana
nanodet-coco@435cd36bb6d2	48	apple
nanodet-coco@435cd36bb6d2	49	sandwich
nanodet-coco@435cd36bb6d2	50	orange
nanodet-coco@435cd36bb6d2	51	broccoli
nanodet-coco@435cd36bb6d2	52	carrot
nanodet-coco@435cd36bb6d2	53	hot dog
nanodet-coco@435cd36bb6d2	54	pizza
nanodet-coco@435cd36bb6d2	55	donut
nanodet-coco@435cd36bb6d2	56	cake
nanodet-coco@435cd36bb6d2	57	chair
nanodet-coco@435cd36bb6d2	58	couch
nanodet-coco@435cd36bb6d2	59	potted plant
nanodet-coco@435cd36bb6d2	60	bed
nanodet-coco@435cd36bb6d2	61	dining table
nanodet-coco@435cd36bb6d2	62	toilet
nanodet-coco@435cd36bb6d2	63	tv
nanodet-coco@435cd36bb6d2	64	laptop
nanodet-coco@435cd36bb6d2	65	mouse
nanodet-coco@435cd36bb6d2	66	remote
nanodet-coco@435cd36bb6d2	67	keyboard
nanodet-coco@435cd36bb6d2	68	cell phone
nanodet-coco@435cd36bb6d2	69	microwave
nanodet-coco@435cd36bb6d2	70	oven
nanodet-coco@435cd36bb6d2	71	toaster
nanodet-coco@435cd36bb6d2	72	sink
nanodet-coco@435cd36bb6d2	73	refrigerator
nanodet-coco@435cd36bb6d2	74	book
nanodet-coco@435cd36bb6d2	75	clock
nanodet-coco@435cd36bb6d2	76	vase
nanodet-coco@435cd36bb6d2	77	scissors
nanodet-coco@435cd36bb6d2	78	teddy bear
nanodet-coco@435cd36bb6d2	79	hair drier
nanodet-coco@435cd36bb6d2	80	toothbrush
masks@1a724523aa69	1	cat
masks@1a724523aa69	2	traffic light
\.


--
-- Data for Name: detections; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.detections (sha256, model, settings_hash, run_id, chunk, class_ids, scores, x1, y1, x2, y2, polygons) FROM stdin;
4fed272f58b35f3c02c5c65c5ac73aec75df0b695b37d715d54141de9b8919eb	nanodet-coco@435cd36bb6d2	38f2b7bb8c19	manual__2026-11-24T21:39:18_5f8d3e	0	{}	{}	{}	{}	{}	{}	\N
c7fb60789fe394c485f842291ea3b21e50d140f39d6dcb5fb9917cc178225455	nanodet-coco@435cd36bb6d2	38f2b7bb8c19	manual__2026-11-24T21:39:18_5f8d3e	0	{18}	{0.6775551}	{15.885265}	{5.8948274}	{396.21185}	{314.86606}	\N
4fed272f58b35f3c02c5c65c5ac73aec75df0b695b37d715d54141de9b8919eb	nanodet-coco@435cd36bb6d2	21c0b211491b	manual__2026-11-24T21:39:32_5606ae	0	{}	{}	{}	{}	{}	{}	\N
c7fb60789fe394c485f842291ea3b21e50d140f39d6dcb5fb9917cc178225455	nanodet-coco@435cd36bb6d2	21c0b211491b	manual__2026-11-24T21:39:32_5606ae	0	{18}	{0.6775551}	{15.885265}	{5.8948274}	{396.21185}	{314.86606}	\N
596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb	nanodet-coco@435cd36bb6d2	21c0b211491b	manual__2026-11-24T21:39:32_5606ae	0	{16,17}	{0.5660397,0.38512206}	{1.8181124,3.07386}	{0.056303278,0}	{441.28177,435.89822}	{295.4135,296.96008}	\N
88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5	nanodet-coco@435cd36bb6d2	21c0b211491b	manual__2026-11-24T21:39:32_5606ae	0	{1,57}	{0.7355191,0.3255144}	{14.080679,275.39938}	{14.420166,347.0233}	{364.28952,500.19324}	{508.00656,512}	\N
a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638	nanodet-coco@435cd36bb6d2	21c0b211491b	manual__2026-11-24T21:39:32_5606ae	0	{56}	{0.35845453}	{45.723312}	{46.255405}	{463.65582}	{413.3508}	\N
4fed272f58b35f3c02c5c65c5ac73aec75df0b695b37d715d54141de9b8919eb	masks@1a724523aa69	1c0ef729e183	manual__2026-11-24T21:39:52_92b092	0	{1,2}	{0.9,0.55}	{6.4,32}	{4.8,14.400001}	{32,60.8}	{28.800001,43.199997}	[[[10, 7, 10, 25.499, 27.499, 25.499, 27.499, 7]], [[34, 32, 34, 41.499, 58.499, 41.499, 58.499, 32], [34, 16, 34, 25.499, 58.499, 25.499, 58.499, 16]]]
c7fb60789fe394c485f842291ea3b21e50d140f39d6dcb5fb9917cc178225455	masks@1a724523aa69	1c0ef729e183	manual__2026-11-24T21:39:52_92b092	0	{1,2}	{0.9,0.55}	{40,200}	{32.8,98.4}	{200,380}	{196.8,295.19998}	[[[65, 55, 62, 59, 63, 171.499, 65, 173.499, 174.499, 173.499, 177.499, 169.499, 176.499, 57, 174.499, 55]], [[213, 222, 213, 277.499, 217, 281.499, 362.499, 281.499, 366.499, 277.499, 366.499, 222, 362.499, 218, 217, 218], [213, 116, 213, 171.499, 217, 175.499, 362.499, 175.499, 366.499, 171.499, 366.499, 116, 362.499, 112, 217, 112]]]
596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb	masks@1a724523aa69	1c0ef729e183	manual__2026-11-24T21:39:52_92b092	0	{1,2}	{0.9,0.55}	{45.100002,225.5}	{30,90}	{225.5,428.44998}	{180,270}	[[[70, 54, 70, 155.499, 73, 158.499, 197.499, 158.499, 200.499, 155.499, 200.499, 54, 197.499, 51, 73, 51]], [[239, 204, 239, 251.499, 244, 256.499, 409.499, 256.499, 414.499, 251.499, 414.499, 204, 409.499, 199, 244, 199], [239, 108, 239, 155.499, 244, 160.499, 409.499, 160.499, 414.499, 155.499, 414.499, 108, 409.499, 103, 244, 103]]]
88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5	masks@1a724523aa69	1c0ef729e183	manual__2026-11-24T21:39:52_92b092	0	{1,2}	{0.9,0.55}	{51.2,256}	{51.2,153.6}	{256,486.4}	{307.2,460.8}	[[[85, 86, 79, 93, 80, 267.499, 85, 272.499, 221.499, 272.499, 227.499, 265.499, 226.499, 91, 221.499, 86]], [[272, 347, 272, 430.499, 278, 438.499, 464.499, 438.499, 470.499, 430.499, 470.499, 347, 464.499, 339, 278, 339], [272, 183, 272, 266.499, 278, 274.499, 464.499, 274.499, 470.499, 266.499, 470.499, 183, 464.499, 175, 278, 175]]]
a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638	masks@1a724523aa69	1c0ef729e183	manual__2026-11-24T21:39:52_92b092	0	{1,2}	{0.9,0.55}	{64,320}	{42.7,128.1}	{320,608}	{256.2,384.3}	[[[99, 77, 99, 221.499, 107, 227.499, 276.499, 227.499, 284.499, 221.499, 284.499, 77, 276.499, 71, 107, 71]], [[340, 290, 340, 359.499, 348, 366.499, 579.499, 366.499, 587.499, 359.499, 587.499, 290, 579.499, 283, 348, 283], [340, 153, 340, 222.499, 348, 229.499, 579.499, 229.499, 587.499, 222.499, 587.499, 153, 579.499, 146, 348, 146]]]
596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb	nanodet-coco@435cd36bb6d2	38f2b7bb8c19	manual__2026-11-24T21:40:03_c7c0b5	0	{16}	{0.5660397}	{1.8181124}	{0.056303278}	{441.28177}	{295.4135}	\N
88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5	nanodet-coco@435cd36bb6d2	38f2b7bb8c19	manual__2026-11-24T21:40:03_c7c0b5	0	{1}	{0.7355191}	{14.080679}	{14.420166}	{364.28952}	{508.00656}	\N
a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638	nanodet-coco@435cd36bb6d2	38f2b7bb8c19	manual__2026-11-24T21:40:03_c7c0b5	0	{}	{}	{}	{}	{}	{}	\N
596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb	nanodet-coco@435cd36bb6d2	d79bb3a0e16a	manual__2026-11-24T21:40:14_ffffc3	0	{16,17}	{0.5660397,0.38512206}	{1.8181124,3.07386}	{0.056303278,0}	{441.28177,435.89822}	{295.4135,296.96008}	\N
88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5	nanodet-coco@435cd36bb6d2	d79bb3a0e16a	manual__2026-11-24T21:40:14_ffffc3	0	{1,57}	{0.7355191,0.3255144}	{14.080679,275.39938}	{14.420166,347.0233}	{364.28952,500.19324}	{508.00656,512}	\N
a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638	nanodet-coco@435cd36bb6d2	d79bb3a0e16a	manual__2026-11-24T21:40:14_ffffc3	0	{56}	{0.35845453}	{45.723312}	{46.255405}	{463.65582}	{413.3508}	\N
\.


--
-- Data for Name: drafts; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.drafts (server, task, frame, model, settings_hash, run_id, state, detections, shape_ids, fingerprints, sent, unsure, changed_at) FROM stdin;
http://127.0.0.1:8765	101	0	nanodet-coco@435cd36bb6d2	d79bb3a0e16a	manual__2026-11-24T21:40:14_ffffc3	drafted	{1}	{110}	{-7465899541958344964}	\N	f	2026-11-24 21:40:24.771596+00
http://127.0.0.1:8765	101	1	nanodet-coco@435cd36bb6d2	d79bb3a0e16a	manual__2026-11-24T21:40:14_ffffc3	drafted	{1}	{111}	{5702222917936526637}	\N	f	2026-11-24 21:40:24.771596+00
http://127.0.0.1:8765	101	3	nanodet-coco@435cd36bb6d2	d79bb3a0e16a	manual__2026-11-24T21:40:14_ffffc3	drafted	{}	{}	{}	\N	f	2026-11-24 21:40:24.771596+00
\.


--
-- Data for Name: images; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.images (uri, sha256, etag, size, width, height, task, frame, model, settings_hash, run_id, seen_at) FROM stdin;
file:///srv/photos/broken.jpg	f2289b71d1049e93fe90e46fdae8a6932ea1fb8199cde8584e72ab8a1529d5e0	2000-1795556348096092519	2000	\N	\N	\N	\N	\N	\N	manual__2026-11-24T21:39:18_5f8d3e	2026-11-24 21:39:19+00
file:///srv/photos/empty.png	e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855	0-1795556348096092519	0	\N	\N	\N	\N	\N	\N	manual__2026-11-24T21:39:18_5f8d3e	2026-11-24 21:39:19+00
file:///srv/photos/sub/cat%20again.png	596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb	240512-1795556348095409118	240512	451	300	\N	\N	masks@1a724523aa69	1c0ef729e183	manual__2026-11-24T21:39:52_92b092	2026-11-24 21:39:54+00
file:///srv/photos/dark.png	4fed272f58b35f3c02c5c65c5ac73aec75df0b695b37d715d54141de9b8919eb	137-1795556348096867535	137	64	48	\N	\N	masks@1a724523aa69	1c0ef729e183	manual__2026-11-24T21:39:52_92b092	2026-11-24 21:39:54+00
file:///srv/photos/horse.png	c7fb60789fe394c485f842291ea3b21e50d140f39d6dcb5fb9917cc178225455	16633-1795556348094392502	16633	400	328	\N	\N	masks@1a724523aa69	1c0ef729e183	manual__2026-11-24T21:39:52_92b092	2026-11-24 21:39:54+00
file:///srv/photos/chelsea.png	596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb	240512-1795556348093725336	240512	451	300	\N	\N	masks@1a724523aa69	1c0ef729e183	manual__2026-11-24T21:39:52_92b092	2026-11-24 21:39:54+00
file:///srv/photos/astronaut.png	88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5	791555-1795556348091409119	791555	512	512	\N	\N	masks@1a724523aa69	1c0ef729e183	manual__2026-11-24T21:39:52_92b092	2026-11-24 21:39:54+00
file:///srv/photos/flower.jpg	a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638	142987-1795556348094576867	142987	640	427	\N	\N	masks@1a724523aa69	1c0ef729e183	manual__2026-11-24T21:39:52_92b092	2026-11-24 21:39:54+00
cvat:task/101#1	596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb	a2f3f7d8-2026-01-01T00:00:00.000000Z	0	451	300	101	1	nanodet-coco@435cd36bb6d2	d79bb3a0e16a	manual__2026-11-24T21:40:14_ffffc3	2026-11-24 21:40:14+00
cvat:task/101#0	88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5	a2f3f7d8-2026-01-01T00:00:00.000000Z	0	512	512	101	0	nanodet-coco@435cd36bb6d2	d79bb3a0e16a	manual__2026-11-24T21:40:14_ffffc3	2026-11-24 21:40:14+00
cvat:task/101#3	a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638	a2f3f7d8-2026-01-01T00:00:00.000000Z	0	640	427	101	3	nanodet-coco@435cd36bb6d2	d79bb3a0e16a	manual__2026-11-24T21:40:14_ffffc3	2026-11-24 21:40:14+00
\.


--
-- Data for Name: label_mappings; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.label_mappings (server, scope, model, state, proposal, labels, answer, answered_by, changed_at) FROM stdin;
\.


--
-- Data for Name: models; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.models (model, name, version, kind, source, threshold, admitted, reasons, options, decided_at) FROM stdin;
nanodet-coco@435cd36bb6d2	nanodet-coco	435cd36bb6d2	tfod_frozen_graph	https://github.com/RangiLyu/nanodet	0.4	t	[]	{"threshold": 0.4}	2026-11-22 11:53:07.529+00
masks@1a724523aa69	masks	1a724523aa69	tfod_frozen_graph	file:///srv/firstpass/include/models/masks	0.5	t	[]	\N	2026-11-24 21:39:54.965+00
\.


--
-- Data for Name: outcomes; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.outcomes (run_id, uri, chunk, outcome, detections, sha256, width, height, task, frame, reason, brightness) FROM stdin;
manual__2026-11-24T21:39:18_5f8d3e	file:///srv/photos/broken.jpg	\N	unreadable	0	f2289b71d1049e93fe90e46fdae8a6932ea1fb8199cde8584e72ab8a1529d5e0	\N	\N	\N	\N	is not an image of a known format, or its header is damaged (it starts with b'\\xff\\xd8\\xff\\xe0\\x00\\x10JF')	\N
manual__2026-11-24T21:39:18_5f8d3e	file:///srv/photos/empty.png	\N	unreadable	0	e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855	\N	\N	\N	\N	is empty (0 bytes)	\N
manual__2026-11-24T21:39:18_5f8d3e	file:///srv/photos/sub/cat%20again.png	\N	duplicate	0	596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb	451	300	\N	\N	has the same content as file:///srv/photos/chelsea.png	\N
manual__2026-11-24T21:39:18_5f8d3e	file:///srv/photos/dark.png	0	empty	0	4fed272f58b35f3c02c5c65c5ac73aec75df0b695b37d715d54141de9b8919eb	64	48	\N	\N	\N	3
manual__2026-11-24T21:39:18_5f8d3e	file:///srv/photos/horse.png	0	ok	1	c7fb60789fe394c485f842291ea3b21e50d140f39d6dcb5fb9917cc178225455	400	328	\N	\N	\N	170.90265
manual__2026-11-24T21:39:18_5f8d3e	file:///srv/photos/chelsea.png	0	ok	1	596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb	451	300	\N	\N	\N	119.196724
manual__2026-11-24T21:39:18_5f8d3e	file:///srv/photos/astronaut.png	0	ok	1	88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5	512	512	\N	\N	\N	116.33635
manual__2026-11-24T21:39:18_5f8d3e	file:///srv/photos/flower.jpg	0	empty	0	a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638	640	427	\N	\N	\N	66.079315
manual__2026-11-24T21:39:32_5606ae	file:///srv/photos/sub/cat%20again.png	\N	duplicate	0	596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb	451	300	\N	\N	has the same content as file:///srv/photos/chelsea.png	\N
manual__2026-11-24T21:39:32_5606ae	file:///srv/photos/broken.jpg	0	unreadable	0	f2289b71d1049e93fe90e46fdae8a6932ea1fb8199cde8584e72ab8a1529d5e0	\N	\N	\N	\N	is not an image of a known format, or its header is damaged (it starts with b'\\xff\\xd8\\xff\\xe0\\x00\\x10JF')	\N
manual__2026-11-24T21:39:32_5606ae	file:///srv/photos/empty.png	0	unreadable	0	e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855	\N	\N	\N	\N	is empty (0 bytes)	\N
manual__2026-11-24T21:39:32_5606ae	file:///srv/photos/dark.png	0	empty	0	4fed272f58b35f3c02c5c65c5ac73aec75df0b695b37d715d54141de9b8919eb	64	48	\N	\N	\N	3
manual__2026-11-24T21:39:32_5606ae	file:///srv/photos/horse.png	0	ok	1	c7fb60789fe394c485f842291ea3b21e50d140f39d6dcb5fb9917cc178225455	400	328	\N	\N	\N	170.90265
manual__2026-11-24T21:39:32_5606ae	file:///srv/photos/chelsea.png	0	ok	2	596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb	451	300	\N	\N	\N	119.196724
manual__2026-11-24T21:39:32_5606ae	file:///srv/photos/astronaut.png	0	ok	2	88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5	512	512	\N	\N	\N	116.33635
manual__2026-11-24T21:39:32_5606ae	file:///srv/photos/flower.jpg	0	ok	1	a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638	640	427	\N	\N	\N	66.079315
manual__2026-11-24T21:39:42_535b0d	file:///srv/photos/astronaut.png	\N	known	0	88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5	512	512	\N	\N	\N	\N
manual__2026-11-24T21:39:42_535b0d	file:///srv/photos/chelsea.png	\N	known	0	596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb	451	300	\N	\N	\N	\N
manual__2026-11-24T21:39:42_535b0d	file:///srv/photos/dark.png	\N	known	0	4fed272f58b35f3c02c5c65c5ac73aec75df0b695b37d715d54141de9b8919eb	64	48	\N	\N	\N	\N
manual__2026-11-24T21:39:42_535b0d	file:///srv/photos/flower.jpg	\N	known	0	a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638	640	427	\N	\N	\N	\N
manual__2026-11-24T21:39:42_535b0d	file:///srv/photos/horse.png	\N	known	0	c7fb60789fe394c485f842291ea3b21e50d140f39d6dcb5fb9917cc178225455	400	328	\N	\N	\N	\N
manual__2026-11-24T21:39:42_535b0d	file:///srv/photos/sub/cat%20again.png	\N	known	0	596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb	451	300	\N	\N	\N	\N
manual__2026-11-24T21:39:42_535b0d	file:///srv/photos/broken.jpg	0	unreadable	0	f2289b71d1049e93fe90e46fdae8a6932ea1fb8199cde8584e72ab8a1529d5e0	\N	\N	\N	\N	is not an image of a known format, or its header is damaged (it starts with b'\\xff\\xd8\\xff\\xe0\\x00\\x10JF')	\N
manual__2026-11-24T21:39:42_535b0d	file:///srv/photos/empty.png	0	unreadable	0	e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855	\N	\N	\N	\N	is empty (0 bytes)	\N
manual__2026-11-24T21:39:52_92b092	file:///srv/photos/sub/cat%20again.png	\N	duplicate	0	596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb	451	300	\N	\N	has the same content as file:///srv/photos/chelsea.png	\N
manual__2026-11-24T21:39:52_92b092	file:///srv/photos/broken.jpg	0	unreadable	0	f2289b71d1049e93fe90e46fdae8a6932ea1fb8199cde8584e72ab8a1529d5e0	\N	\N	\N	\N	is not an image of a known format, or its header is damaged (it starts with b'\\xff\\xd8\\xff\\xe0\\x00\\x10JF')	\N
manual__2026-11-24T21:39:52_92b092	file:///srv/photos/empty.png	0	unreadable	0	e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855	\N	\N	\N	\N	is empty (0 bytes)	\N
manual__2026-11-24T21:39:52_92b092	file:///srv/photos/dark.png	0	ok	2	4fed272f58b35f3c02c5c65c5ac73aec75df0b695b37d715d54141de9b8919eb	64	48	\N	\N	\N	3
manual__2026-11-24T21:39:52_92b092	file:///srv/photos/horse.png	0	ok	2	c7fb60789fe394c485f842291ea3b21e50d140f39d6dcb5fb9917cc178225455	400	328	\N	\N	\N	170.90265
manual__2026-11-24T21:39:52_92b092	file:///srv/photos/chelsea.png	0	ok	2	596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb	451	300	\N	\N	\N	119.196724
manual__2026-11-24T21:39:52_92b092	file:///srv/photos/astronaut.png	0	ok	2	88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5	512	512	\N	\N	\N	116.33635
manual__2026-11-24T21:39:52_92b092	file:///srv/photos/flower.jpg	0	ok	2	a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638	640	427	\N	\N	\N	66.079315
manual__2026-11-24T21:40:03_c7c0b5	cvat:task/101#1	0	ok	1	596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb	451	300	101	1	\N	119.196724
manual__2026-11-24T21:40:03_c7c0b5	cvat:task/101#0	0	ok	1	88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5	512	512	101	0	\N	116.33635
manual__2026-11-24T21:40:03_c7c0b5	cvat:task/101#3	0	empty	0	a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638	640	427	101	3	\N	66.079315
manual__2026-11-24T21:40:14_ffffc3	cvat:task/101#1	0	ok	2	596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb	451	300	101	1	\N	119.196724
manual__2026-11-24T21:40:14_ffffc3	cvat:task/101#0	0	ok	2	88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5	512	512	101	0	\N	116.33635
manual__2026-11-24T21:40:14_ffffc3	cvat:task/101#3	0	ok	1	a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638	640	427	101	3	\N	66.079315
\.


--
-- Data for Name: publications; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.publications (run_id, server, task, task_name, scope, model, state, reason, mapping, counts, changed_at) FROM stdin;
manual__2026-11-24T21:40:03_c7c0b5	http://127.0.0.1:8765	101	street	task/101	nanodet-coco@435cd36bb6d2	published	\N	[{"how": "normalised", "label": "Person", "shape": "rectangle", "reason": "'Person' but for case, spaces, underscores or hyphens", "class_id": 1, "threshold": 0.0, "class_name": "person"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 2, "threshold": 0.0, "class_name": "bicycle"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 3, "threshold": 0.0, "class_name": "car"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 4, "threshold": 0.0, "class_name": "motorcycle"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 5, "threshold": 0.0, "class_name": "airplane"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 6, "threshold": 0.0, "class_name": "bus"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 7, "threshold": 0.0, "class_name": "train"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 8, "threshold": 0.0, "class_name": "truck"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 9, "threshold": 0.0, "class_name": "boat"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 10, "threshold": 0.0, "class_name": "traffic light"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 11, "threshold": 0.0, "class_name": "fire hydrant"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 12, "threshold": 0.0, "class_name": "stop sign"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 13, "threshold": 0.0, "class_name": "parking meter"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 14, "threshold": 0.0, "class_name": "bench"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 15, "threshold": 0.0, "class_name": "bird"}, {"how": "exact", "label": "cat", "shape": "rectangle", "reason": "same name", "class_id": 16, "threshold": 0.0, "class_name": "cat"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 17, "threshold": 0.0, "class_name": "dog"}, {"how": "exact", "label": "horse", "shape": "rectangle", "reason": "same name", "class_id": 18, "threshold": 0.0, "class_name": "horse"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 19, "threshold": 0.0, "class_name": "sheep"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 20, "threshold": 0.0, "class_name": "cow"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 21, "threshold": 0.0, "class_name": "elephant"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 22, "threshold": 0.0, "class_name": "bear"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 23, "threshold": 0.0, "class_name": "zebra"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 24, "threshold": 0.0, "class_name": "giraffe"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 25, "threshold": 0.0, "class_name": "backpack"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 26, "threshold": 0.0, "class_name": "umbrella"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 27, "threshold": 0.0, "class_name": "handbag"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 28, "threshold": 0.0, "class_name": "tie"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 29, "threshold": 0.0, "class_name": "suitcase"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 30, "threshold": 0.0, "class_name": "frisbee"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 31, "threshold": 0.0, "class_name": "skis"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 32, "threshold": 0.0, "class_name": "snowboard"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 33, "threshold": 0.0, "class_name": "sports ball"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 34, "threshold": 0.0, "class_name": "kite"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 35, "threshold": 0.0, "class_name": "baseball bat"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 36, "threshold": 0.0, "class_name": "baseball glove"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 37, "threshold": 0.0, "class_name": "skateboard"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 38, "threshold": 0.0, "class_name": "surfboard"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 39, "threshold": 0.0, "class_name": "tennis racket"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 40, "threshold": 0.0, "class_name": "bottle"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 41, "threshold": 0.0, "class_name": "wine glass"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 42, "threshold": 0.0, "class_name": "cup"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 43, "threshold": 0.0, "class_name": "fork"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 44, "threshold": 0.0, "class_name": "knife"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 45, "threshold": 0.0, "class_name": "spoon"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 46, "threshold": 0.0, "class_name": "bowl"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 47, "threshold": 0.0, "class_name": "banana"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 48, "threshold": 0.0, "class_name": "apple"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 49, "threshold": 0.0, "class_name": "sandwich"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 50, "threshold": 0.0, "class_name": "orange"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 51, "threshold": 0.0, "class_name": "broccoli"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 52, "threshold": 0.0, "class_name": "carrot"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 53, "threshold": 0.0, "class_name": "hot dog"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 54, "threshold": 0.0, "class_name": "pizza"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 55, "threshold": 0.0, "class_name": "donut"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 56, "threshold": 0.0, "class_name": "cake"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 57, "threshold": 0.0, "class_name": "chair"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 58, "threshold": 0.0, "class_name": "couch"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 59, "threshold": 0.0, "class_name": "potted plant"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 60, "threshold": 0.0, "class_name": "bed"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 61, "threshold": 0.0, "class_name": "dining table"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 62, "threshold": 0.0, "class_name": "toilet"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 63, "threshold": 0.0, "class_name": "tv"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 64, "threshold": 0.0, "class_name": "laptop"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 65, "threshold": 0.0, "class_name": "mouse"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 66, "threshold": 0.0, "class_name": "remote"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 67, "threshold": 0.0, "class_name": "keyboard"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 68, "threshold": 0.0, "class_name": "cell phone"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 69, "threshold": 0.0, "class_name": "microwave"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 70, "threshold": 0.0, "class_name": "oven"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 71, "threshold": 0.0, "class_name": "toaster"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 72, "threshold": 0.0, "class_name": "sink"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 73, "threshold": 0.0, "class_name": "refrigerator"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 74, "threshold": 0.0, "class_name": "book"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 75, "threshold": 0.0, "class_name": "clock"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 76, "threshold": 0.0, "class_name": "vase"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 77, "threshold": 0.0, "class_name": "scissors"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 78, "threshold": 0.0, "class_name": "teddy bear"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 79, "threshold": 0.0, "class_name": "hair drier"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 80, "threshold": 0.0, "class_name": "toothbrush"}]	{"kept": 0, "lost": 0, "frames": 3, "shapes": 2, "dropped": {}, "replaced": 0, "left_alone": {"a person works on it": 1}, "shapes_in_task": 2}	2026-11-24 21:40:13.1139+00
manual__2026-11-24T21:40:14_ffffc3	http://127.0.0.1:8765	101	street	task/101	nanodet-coco@435cd36bb6d2	published	\N	[{"how": "normalised", "label": "Person", "shape": "rectangle", "reason": "'Person' but for case, spaces, underscores or hyphens", "class_id": 1, "threshold": 0.0, "class_name": "person"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 2, "threshold": 0.0, "class_name": "bicycle"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 3, "threshold": 0.0, "class_name": "car"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 4, "threshold": 0.0, "class_name": "motorcycle"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 5, "threshold": 0.0, "class_name": "airplane"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 6, "threshold": 0.0, "class_name": "bus"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 7, "threshold": 0.0, "class_name": "train"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 8, "threshold": 0.0, "class_name": "truck"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 9, "threshold": 0.0, "class_name": "boat"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 10, "threshold": 0.0, "class_name": "traffic light"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 11, "threshold": 0.0, "class_name": "fire hydrant"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 12, "threshold": 0.0, "class_name": "stop sign"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 13, "threshold": 0.0, "class_name": "parking meter"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 14, "threshold": 0.0, "class_name": "bench"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 15, "threshold": 0.0, "class_name": "bird"}, {"how": "exact", "label": "cat", "shape": "rectangle", "reason": "same name", "class_id": 16, "threshold": 0.0, "class_name": "cat"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 17, "threshold": 0.0, "class_name": "dog"}, {"how": "exact", "label": "horse", "shape": "rectangle", "reason": "same name", "class_id": 18, "threshold": 0.0, "class_name": "horse"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 19, "threshold": 0.0, "class_name": "sheep"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 20, "threshold": 0.0, "class_name": "cow"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 21, "threshold": 0.0, "class_name": "elephant"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 22, "threshold": 0.0, "class_name": "bear"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 23, "threshold": 0.0, "class_name": "zebra"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 24, "threshold": 0.0, "class_name": "giraffe"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 25, "threshold": 0.0, "class_name": "backpack"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 26, "threshold": 0.0, "class_name": "umbrella"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 27, "threshold": 0.0, "class_name": "handbag"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 28, "threshold": 0.0, "class_name": "tie"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 29, "threshold": 0.0, "class_name": "suitcase"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 30, "threshold": 0.0, "class_name": "frisbee"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 31, "threshold": 0.0, "class_name": "skis"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 32, "threshold": 0.0, "class_name": "snowboard"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 33, "threshold": 0.0, "class_name": "sports ball"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 34, "threshold": 0.0, "class_name": "kite"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 35, "threshold": 0.0, "class_name": "baseball bat"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 36, "threshold": 0.0, "class_name": "baseball glove"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 37, "threshold": 0.0, "class_name": "skateboard"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 38, "threshold": 0.0, "class_name": "surfboard"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 39, "threshold": 0.0, "class_name": "tennis racket"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 40, "threshold": 0.0, "class_name": "bottle"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 41, "threshold": 0.0, "class_name": "wine glass"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 42, "threshold": 0.0, "class_name": "cup"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 43, "threshold": 0.0, "class_name": "fork"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 44, "threshold": 0.0, "class_name": "knife"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 45, "threshold": 0.0, "class_name": "spoon"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 46, "threshold": 0.0, "class_name": "bowl"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 47, "threshold": 0.0, "class_name": "banana"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 48, "threshold": 0.0, "class_name": "apple"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 49, "threshold": 0.0, "class_name": "sandwich"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 50, "threshold": 0.0, "class_name": "orange"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 51, "threshold": 0.0, "class_name": "broccoli"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 52, "threshold": 0.0, "class_name": "carrot"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 53, "threshold": 0.0, "class_name": "hot dog"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 54, "threshold": 0.0, "class_name": "pizza"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 55, "threshold": 0.0, "class_name": "donut"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 56, "threshold": 0.0, "class_name": "cake"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 57, "threshold": 0.0, "class_name": "chair"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 58, "threshold": 0.0, "class_name": "couch"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 59, "threshold": 0.0, "class_name": "potted plant"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 60, "threshold": 0.0, "class_name": "bed"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 61, "threshold": 0.0, "class_name": "dining table"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 62, "threshold": 0.0, "class_name": "toilet"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 63, "threshold": 0.0, "class_name": "tv"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 64, "threshold": 0.0, "class_name": "laptop"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 65, "threshold": 0.0, "class_name": "mouse"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 66, "threshold": 0.0, "class_name": "remote"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 67, "threshold": 0.0, "class_name": "keyboard"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 68, "threshold": 0.0, "class_name": "cell phone"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 69, "threshold": 0.0, "class_name": "microwave"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 70, "threshold": 0.0, "class_name": "oven"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 71, "threshold": 0.0, "class_name": "toaster"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 72, "threshold": 0.0, "class_name": "sink"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 73, "threshold": 0.0, "class_name": "refrigerator"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 74, "threshold": 0.0, "class_name": "book"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 75, "threshold": 0.0, "class_name": "clock"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 76, "threshold": 0.0, "class_name": "vase"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 77, "threshold": 0.0, "class_name": "scissors"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 78, "threshold": 0.0, "class_name": "teddy bear"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 79, "threshold": 0.0, "class_name": "hair drier"}, {"how": "unmatched", "label": null, "shape": null, "reason": "no label of this name", "class_id": 80, "threshold": 0.0, "class_name": "toothbrush"}]	{"kept": 0, "lost": 0, "frames": 3, "shapes": 2, "dropped": {"dog: no label of this name": 1, "cake: no label of this name": 1, "chair: no label of this name": 1}, "replaced": 2, "left_alone": {"a person works on it": 1}, "shapes_in_task": 2}	2026-11-24 21:40:24.792426+00
\.


--
-- Data for Name: quality_profiles; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.quality_profiles (run_id, measure, bin, count) FROM stdin;
manual__2026-11-24T21:39:18_5f8d3e	class	1	1
manual__2026-11-24T21:39:18_5f8d3e	class	18	1
manual__2026-11-24T21:39:18_5f8d3e	class	16	1
manual__2026-11-24T21:39:18_5f8d3e	score	11	1
manual__2026-11-24T21:39:18_5f8d3e	score	13	1
manual__2026-11-24T21:39:18_5f8d3e	score	14	1
manual__2026-11-24T21:39:18_5f8d3e	size	8	1
manual__2026-11-24T21:39:18_5f8d3e	size	9	2
manual__2026-11-24T21:39:18_5f8d3e	boxes	0	2
manual__2026-11-24T21:39:18_5f8d3e	boxes	1	3
manual__2026-11-24T21:39:32_5606ae	class	1	1
manual__2026-11-24T21:39:32_5606ae	class	18	1
manual__2026-11-24T21:39:32_5606ae	class	16	1
manual__2026-11-24T21:39:32_5606ae	class	17	1
manual__2026-11-24T21:39:32_5606ae	class	56	1
manual__2026-11-24T21:39:32_5606ae	class	57	1
manual__2026-11-24T21:39:32_5606ae	score	11	1
manual__2026-11-24T21:39:32_5606ae	score	7	2
manual__2026-11-24T21:39:32_5606ae	score	13	1
manual__2026-11-24T21:39:32_5606ae	score	6	1
manual__2026-11-24T21:39:32_5606ae	score	14	1
manual__2026-11-24T21:39:32_5606ae	size	8	1
manual__2026-11-24T21:39:32_5606ae	size	7	1
manual__2026-11-24T21:39:32_5606ae	size	9	3
manual__2026-11-24T21:39:32_5606ae	size	3	1
manual__2026-11-24T21:39:32_5606ae	boxes	0	1
manual__2026-11-24T21:39:32_5606ae	boxes	1	2
manual__2026-11-24T21:39:32_5606ae	boxes	2	2
manual__2026-11-24T21:39:52_92b092	class	1	5
manual__2026-11-24T21:39:52_92b092	class	2	5
manual__2026-11-24T21:39:52_92b092	score	18	5
manual__2026-11-24T21:39:52_92b092	score	11	5
manual__2026-11-24T21:39:52_92b092	size	5	5
manual__2026-11-24T21:39:52_92b092	size	4	5
manual__2026-11-24T21:39:52_92b092	boxes	2	5
manual__2026-11-24T21:40:03_c7c0b5	class	1	1
manual__2026-11-24T21:40:03_c7c0b5	class	16	1
manual__2026-11-24T21:40:03_c7c0b5	score	14	1
manual__2026-11-24T21:40:03_c7c0b5	score	11	1
manual__2026-11-24T21:40:03_c7c0b5	size	8	1
manual__2026-11-24T21:40:03_c7c0b5	size	9	1
manual__2026-11-24T21:40:03_c7c0b5	boxes	0	1
manual__2026-11-24T21:40:03_c7c0b5	boxes	1	2
manual__2026-11-24T21:40:14_ffffc3	class	1	1
manual__2026-11-24T21:40:14_ffffc3	class	16	1
manual__2026-11-24T21:40:14_ffffc3	class	17	1
manual__2026-11-24T21:40:14_ffffc3	class	56	1
manual__2026-11-24T21:40:14_ffffc3	class	57	1
manual__2026-11-24T21:40:14_ffffc3	score	11	1
manual__2026-11-24T21:40:14_ffffc3	score	7	2
manual__2026-11-24T21:40:14_ffffc3	score	6	1
manual__2026-11-24T21:40:14_ffffc3	score	14	1
manual__2026-11-24T21:40:14_ffffc3	size	8	1
manual__2026-11-24T21:40:14_ffffc3	size	7	1
manual__2026-11-24T21:40:14_ffffc3	size	9	2
manual__2026-11-24T21:40:14_ffffc3	size	3	1
manual__2026-11-24T21:40:14_ffffc3	boxes	1	1
manual__2026-11-24T21:40:14_ffffc3	boxes	2	2
\.


--
-- Data for Name: quality_results; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.quality_results (run_id, suite, expectation, severity, success, observed, value, sentence) FROM stdin;
manual__2026-11-24T21:39:18_5f8d3e	run	images_without_outcome	critical	t	0	0	Every image that was listed has one outcome.
manual__2026-11-24T21:39:18_5f8d3e	run	chunks_not_merged	critical	t	0	0	Every planned chunk was merged or is known to have failed.
manual__2026-11-24T21:39:18_5f8d3e	run	chunks_failed	warning	t	0	0	No chunk failed.
manual__2026-11-24T21:39:18_5f8d3e	run	unreadable_rate	warning	f	25.0%	0.25	At most 5% of the images cannot be read.
manual__2026-11-24T21:39:18_5f8d3e	run	empty_rate	warning	t	40.0%	0.4	The model finds nothing in at most 80% of the images.
manual__2026-11-24T21:39:18_5f8d3e	run	duplicate_rate	warning	t	12.5%	0.125	At most 20% of the images are copies of another one.
manual__2026-11-24T21:39:18_5f8d3e	run	speed	warning	t	nothing to measure in this run	\N	Images go through at 50% or more of the usual speed.
manual__2026-11-24T21:39:18_5f8d3e	detections	box_outside_image	critical	t	0 of 5 images	0	Every box lies inside its image.
manual__2026-11-24T21:39:18_5f8d3e	detections	box_without_area	critical	t	0 of 5 images	0	Every box has an area.
manual__2026-11-24T21:39:18_5f8d3e	detections	score_outside_range	critical	t	0 of 5 images	0	Every score lies between 0 and 1.
manual__2026-11-24T21:39:18_5f8d3e	detections	score_below_threshold	critical	t	0 of 5 images	0	Every detection reaches the threshold of its class.
manual__2026-11-24T21:39:18_5f8d3e	detections	class_not_in_table	critical	t	0 of 5 images	0	Every detection's class is in the model's class table.
manual__2026-11-24T21:39:18_5f8d3e	detections	too_many_boxes	warning	t	0 of 5 images	0	No image has more than 200 detections.
manual__2026-11-24T21:39:18_5f8d3e	detections	boxes_overlap	warning	t	0 of 5 images	0	No two boxes of one class lie on the same object (overlap above 90%).
manual__2026-11-24T21:39:18_5f8d3e	polygons	polygon_broken	critical	t	0 of 0 images	0	Every polygon has three points or more.
manual__2026-11-24T21:39:18_5f8d3e	polygons	polygon_outside_image	critical	t	0 of 0 images	0	Every polygon lies inside its image.
manual__2026-11-24T21:39:18_5f8d3e	polygons	polygon_missing	warning	t	0 of 0 images	0	Every detection of a model with masks has a polygon.
manual__2026-11-24T21:39:18_5f8d3e	polygons	polygon_crosses_itself	warning	t	0 of 0 images	0	No polygon's outline crosses or touches itself.
manual__2026-11-24T21:39:18_5f8d3e	drift	class_drift	warning	t	nothing to compare: 100 samples are needed, now and in earlier runs	\N	The mix of classes is like in the model's earlier runs.
manual__2026-11-24T21:39:18_5f8d3e	drift	score_drift	warning	t	nothing to compare: 100 samples are needed, now and in earlier runs	\N	The scores are spread like in the model's earlier runs.
manual__2026-11-24T21:39:18_5f8d3e	drift	boxes_drift	warning	t	nothing to compare: 100 samples are needed, now and in earlier runs	\N	There are as many detections an image as in the model's earlier runs.
manual__2026-11-24T21:39:18_5f8d3e	drift	size_drift	warning	t	nothing to compare: 100 samples are needed, now and in earlier runs	\N	The boxes are as large as in the model's earlier runs.
manual__2026-11-24T21:39:18_5f8d3e	images	image_too_small	warning	t	0 of 6 images	0	Every image is at least 32 pixels wide and high.
manual__2026-11-24T21:39:18_5f8d3e	images	image_nearly_black	warning	f	1 of 6 images: dark.png	1	No image is nearly black.
manual__2026-11-24T21:39:18_5f8d3e	classes	class_unnamed	critical	t	0 of 80 classes	0	Every class has a name.
manual__2026-11-24T21:39:18_5f8d3e	classes	class_repeated	critical	t	0 of 80 classes	0	No two classes have the same name.
manual__2026-11-24T21:39:32_5606ae	run	images_without_outcome	critical	t	0	0	Every image that was listed has one outcome.
manual__2026-11-24T21:39:32_5606ae	run	chunks_not_merged	critical	t	0	0	Every planned chunk was merged or is known to have failed.
manual__2026-11-24T21:39:32_5606ae	run	chunks_failed	warning	t	0	0	No chunk failed.
manual__2026-11-24T21:39:32_5606ae	run	unreadable_rate	warning	f	25.0%	0.25	At most 5% of the images cannot be read.
manual__2026-11-24T21:39:32_5606ae	run	empty_rate	warning	t	20.0%	0.2	The model finds nothing in at most 80% of the images.
manual__2026-11-24T21:39:32_5606ae	run	duplicate_rate	warning	t	12.5%	0.125	At most 20% of the images are copies of another one.
manual__2026-11-24T21:39:32_5606ae	run	speed	warning	t	nothing to measure in this run	\N	Images go through at 50% or more of the usual speed.
manual__2026-11-24T21:39:32_5606ae	detections	box_outside_image	critical	t	0 of 5 images	0	Every box lies inside its image.
manual__2026-11-24T21:39:32_5606ae	detections	box_without_area	critical	t	0 of 5 images	0	Every box has an area.
manual__2026-11-24T21:39:32_5606ae	detections	score_outside_range	critical	t	0 of 5 images	0	Every score lies between 0 and 1.
manual__2026-11-24T21:39:32_5606ae	detections	score_below_threshold	critical	t	0 of 5 images	0	Every detection reaches the threshold of its class.
manual__2026-11-24T21:39:32_5606ae	detections	class_not_in_table	critical	t	0 of 5 images	0	Every detection's class is in the model's class table.
manual__2026-11-24T21:39:32_5606ae	detections	too_many_boxes	warning	t	0 of 5 images	0	No image has more than 200 detections.
manual__2026-11-24T21:39:32_5606ae	detections	boxes_overlap	warning	t	0 of 5 images	0	No two boxes of one class lie on the same object (overlap above 90%).
manual__2026-11-24T21:39:32_5606ae	polygons	polygon_broken	critical	t	0 of 0 images	0	Every polygon has three points or more.
manual__2026-11-24T21:39:32_5606ae	polygons	polygon_outside_image	critical	t	0 of 0 images	0	Every polygon lies inside its image.
manual__2026-11-24T21:39:32_5606ae	polygons	polygon_missing	warning	t	0 of 0 images	0	Every detection of a model with masks has a polygon.
manual__2026-11-24T21:39:32_5606ae	polygons	polygon_crosses_itself	warning	t	0 of 0 images	0	No polygon's outline crosses or touches itself.
manual__2026-11-24T21:39:32_5606ae	drift	class_drift	warning	t	nothing to compare: 100 samples are needed, now and in earlier runs	\N	The mix of classes is like in the model's earlier runs.
manual__2026-11-24T21:39:32_5606ae	drift	score_drift	warning	t	nothing to compare: 100 samples are needed, now and in earlier runs	\N	The scores are spread like in the model's earlier runs.
manual__2026-11-24T21:39:32_5606ae	drift	boxes_drift	warning	t	nothing to compare: 100 samples are needed, now and in earlier runs	\N	There are as many detections an image as in the model's earlier runs.
manual__2026-11-24T21:39:32_5606ae	drift	size_drift	warning	t	nothing to compare: 100 samples are needed, now and in earlier runs	\N	The boxes are as large as in the model's earlier runs.
manual__2026-11-24T21:39:32_5606ae	images	image_too_small	warning	t	0 of 6 images	0	Every image is at least 32 pixels wide and high.
manual__2026-11-24T21:39:32_5606ae	images	image_nearly_black	warning	f	1 of 6 images: dark.png	1	No image is nearly black.
manual__2026-11-24T21:39:32_5606ae	classes	class_unnamed	critical	t	0 of 80 classes	0	Every class has a name.
manual__2026-11-24T21:39:32_5606ae	classes	class_repeated	critical	t	0 of 80 classes	0	No two classes have the same name.
manual__2026-11-24T21:39:42_535b0d	run	images_without_outcome	critical	t	0	0	Every image that was listed has one outcome.
manual__2026-11-24T21:39:42_535b0d	run	chunks_not_merged	critical	t	0	0	Every planned chunk was merged or is known to have failed.
manual__2026-11-24T21:39:42_535b0d	run	chunks_failed	warning	t	0	0	No chunk failed.
manual__2026-11-24T21:39:42_535b0d	run	unreadable_rate	warning	f	25.0%	0.25	At most 5% of the images cannot be read.
manual__2026-11-24T21:39:42_535b0d	run	empty_rate	warning	t	nothing to measure in this run	\N	The model finds nothing in at most 80% of the images.
manual__2026-11-24T21:39:42_535b0d	run	duplicate_rate	warning	t	0.0%	0	At most 20% of the images are copies of another one.
manual__2026-11-24T21:39:42_535b0d	run	speed	warning	t	nothing to measure in this run	\N	Images go through at 50% or more of the usual speed.
manual__2026-11-24T21:39:42_535b0d	detections	box_outside_image	critical	t	0 of 0 images	0	Every box lies inside its image.
manual__2026-11-24T21:39:42_535b0d	detections	box_without_area	critical	t	0 of 0 images	0	Every box has an area.
manual__2026-11-24T21:39:42_535b0d	detections	score_outside_range	critical	t	0 of 0 images	0	Every score lies between 0 and 1.
manual__2026-11-24T21:39:42_535b0d	detections	score_below_threshold	critical	t	0 of 0 images	0	Every detection reaches the threshold of its class.
manual__2026-11-24T21:39:42_535b0d	detections	class_not_in_table	critical	t	0 of 0 images	0	Every detection's class is in the model's class table.
manual__2026-11-24T21:39:42_535b0d	detections	too_many_boxes	warning	t	0 of 0 images	0	No image has more than 200 detections.
manual__2026-11-24T21:39:42_535b0d	detections	boxes_overlap	warning	t	0 of 0 images	0	No two boxes of one class lie on the same object (overlap above 90%).
manual__2026-11-24T21:39:42_535b0d	polygons	polygon_broken	critical	t	0 of 0 images	0	Every polygon has three points or more.
manual__2026-11-24T21:39:42_535b0d	polygons	polygon_outside_image	critical	t	0 of 0 images	0	Every polygon lies inside its image.
manual__2026-11-24T21:39:42_535b0d	polygons	polygon_missing	warning	t	0 of 0 images	0	Every detection of a model with masks has a polygon.
manual__2026-11-24T21:39:42_535b0d	polygons	polygon_crosses_itself	warning	t	0 of 0 images	0	No polygon's outline crosses or touches itself.
manual__2026-11-24T21:39:42_535b0d	drift	class_drift	warning	t	nothing to compare: 100 samples are needed, now and in earlier runs	\N	The mix of classes is like in the model's earlier runs.
manual__2026-11-24T21:39:42_535b0d	drift	score_drift	warning	t	nothing to compare: 100 samples are needed, now and in earlier runs	\N	The scores are spread like in the model's earlier runs.
manual__2026-11-24T21:39:42_535b0d	drift	boxes_drift	warning	t	nothing to compare: 100 samples are needed, now and in earlier runs	\N	There are as many detections an image as in the model's earlier runs.
manual__2026-11-24T21:39:42_535b0d	drift	size_drift	warning	t	nothing to compare: 100 samples are needed, now and in earlier runs	\N	The boxes are as large as in the model's earlier runs.
manual__2026-11-24T21:39:42_535b0d	images	image_too_small	warning	t	0 of 6 images	0	Every image is at least 32 pixels wide and high.
manual__2026-11-24T21:39:42_535b0d	images	image_nearly_black	warning	t	0 of 6 images	0	No image is nearly black.
manual__2026-11-24T21:39:42_535b0d	classes	class_unnamed	critical	t	0 of 80 classes	0	Every class has a name.
manual__2026-11-24T21:39:42_535b0d	classes	class_repeated	critical	t	0 of 80 classes	0	No two classes have the same name.
manual__2026-11-24T21:39:52_92b092	run	images_without_outcome	critical	t	0	0	Every image that was listed has one outcome.
manual__2026-11-24T21:39:52_92b092	run	chunks_not_merged	critical	t	0	0	Every planned chunk was merged or is known to have failed.
manual__2026-11-24T21:39:52_92b092	run	chunks_failed	warning	t	0	0	No chunk failed.
manual__2026-11-24T21:39:52_92b092	run	unreadable_rate	warning	f	25.0%	0.25	At most 5% of the images cannot be read.
manual__2026-11-24T21:39:52_92b092	run	empty_rate	warning	t	0.0%	0	The model finds nothing in at most 80% of the images.
manual__2026-11-24T21:39:52_92b092	run	duplicate_rate	warning	t	12.5%	0.125	At most 20% of the images are copies of another one.
manual__2026-11-24T21:39:52_92b092	run	speed	warning	t	nothing to measure in this run	\N	Images go through at 50% or more of the usual speed.
manual__2026-11-24T21:39:52_92b092	detections	box_outside_image	critical	t	0 of 5 images	0	Every box lies inside its image.
manual__2026-11-24T21:39:52_92b092	detections	box_without_area	critical	t	0 of 5 images	0	Every box has an area.
manual__2026-11-24T21:39:52_92b092	detections	score_outside_range	critical	t	0 of 5 images	0	Every score lies between 0 and 1.
manual__2026-11-24T21:39:52_92b092	detections	score_below_threshold	critical	t	0 of 5 images	0	Every detection reaches the threshold of its class.
manual__2026-11-24T21:39:52_92b092	detections	class_not_in_table	critical	t	0 of 5 images	0	Every detection's class is in the model's class table.
manual__2026-11-24T21:39:52_92b092	detections	too_many_boxes	warning	t	0 of 5 images	0	No image has more than 200 detections.
manual__2026-11-24T21:39:52_92b092	detections	boxes_overlap	warning	t	0 of 5 images	0	No two boxes of one class lie on the same object (overlap above 90%).
manual__2026-11-24T21:39:52_92b092	polygons	polygon_broken	critical	t	0 of 5 images	0	Every polygon has three points or more.
manual__2026-11-24T21:39:52_92b092	polygons	polygon_outside_image	critical	t	0 of 5 images	0	Every polygon lies inside its image.
manual__2026-11-24T21:39:52_92b092	polygons	polygon_missing	warning	t	0 of 5 images	0	Every detection of a model with masks has a polygon.
manual__2026-11-24T21:39:52_92b092	polygons	polygon_crosses_itself	warning	t	0 of 5 images	0	No polygon's outline crosses or touches itself.
manual__2026-11-24T21:39:52_92b092	drift	class_drift	warning	t	nothing to compare: 100 samples are needed, now and in earlier runs	\N	The mix of classes is like in the model's earlier runs.
manual__2026-11-24T21:39:52_92b092	drift	score_drift	warning	t	nothing to compare: 100 samples are needed, now and in earlier runs	\N	The scores are spread like in the model's earlier runs.
manual__2026-11-24T21:39:52_92b092	drift	boxes_drift	warning	t	nothing to compare: 100 samples are needed, now and in earlier runs	\N	There are as many detections an image as in the model's earlier runs.
manual__2026-11-24T21:39:52_92b092	drift	size_drift	warning	t	nothing to compare: 100 samples are needed, now and in earlier runs	\N	The boxes are as large as in the model's earlier runs.
manual__2026-11-24T21:39:52_92b092	images	image_too_small	warning	t	0 of 6 images	0	Every image is at least 32 pixels wide and high.
manual__2026-11-24T21:39:52_92b092	images	image_nearly_black	warning	f	1 of 6 images: dark.png	1	No image is nearly black.
manual__2026-11-24T21:39:52_92b092	classes	class_unnamed	critical	t	0 of 2 classes	0	Every class has a name.
manual__2026-11-24T21:39:52_92b092	classes	class_repeated	critical	t	0 of 2 classes	0	No two classes have the same name.
manual__2026-11-24T21:40:03_c7c0b5	run	images_without_outcome	critical	t	0	0	Every image that was listed has one outcome.
manual__2026-11-24T21:40:03_c7c0b5	run	chunks_not_merged	critical	t	0	0	Every planned chunk was merged or is known to have failed.
manual__2026-11-24T21:40:03_c7c0b5	run	chunks_failed	warning	t	0	0	No chunk failed.
manual__2026-11-24T21:40:03_c7c0b5	run	unreadable_rate	warning	t	0.0%	0	At most 5% of the images cannot be read.
manual__2026-11-24T21:40:03_c7c0b5	run	empty_rate	warning	t	33.3%	0.3333333333333333	The model finds nothing in at most 80% of the images.
manual__2026-11-24T21:40:03_c7c0b5	run	duplicate_rate	warning	t	0.0%	0	At most 20% of the images are copies of another one.
manual__2026-11-24T21:40:03_c7c0b5	run	speed	warning	t	nothing to measure in this run	\N	Images go through at 50% or more of the usual speed.
manual__2026-11-24T21:40:03_c7c0b5	detections	box_outside_image	critical	t	0 of 3 images	0	Every box lies inside its image.
manual__2026-11-24T21:40:03_c7c0b5	detections	box_without_area	critical	t	0 of 3 images	0	Every box has an area.
manual__2026-11-24T21:40:03_c7c0b5	detections	score_outside_range	critical	t	0 of 3 images	0	Every score lies between 0 and 1.
manual__2026-11-24T21:40:03_c7c0b5	detections	score_below_threshold	critical	t	0 of 3 images	0	Every detection reaches the threshold of its class.
manual__2026-11-24T21:40:03_c7c0b5	detections	class_not_in_table	critical	t	0 of 3 images	0	Every detection's class is in the model's class table.
manual__2026-11-24T21:40:03_c7c0b5	detections	too_many_boxes	warning	t	0 of 3 images	0	No image has more than 200 detections.
manual__2026-11-24T21:40:03_c7c0b5	detections	boxes_overlap	warning	t	0 of 3 images	0	No two boxes of one class lie on the same object (overlap above 90%).
manual__2026-11-24T21:40:03_c7c0b5	polygons	polygon_broken	critical	t	0 of 0 images	0	Every polygon has three points or more.
manual__2026-11-24T21:40:03_c7c0b5	polygons	polygon_outside_image	critical	t	0 of 0 images	0	Every polygon lies inside its image.
manual__2026-11-24T21:40:03_c7c0b5	polygons	polygon_missing	warning	t	0 of 0 images	0	Every detection of a model with masks has a polygon.
manual__2026-11-24T21:40:03_c7c0b5	polygons	polygon_crosses_itself	warning	t	0 of 0 images	0	No polygon's outline crosses or touches itself.
manual__2026-11-24T21:40:03_c7c0b5	drift	class_drift	warning	t	nothing to compare: 100 samples are needed, now and in earlier runs	\N	The mix of classes is like in the model's earlier runs.
manual__2026-11-24T21:40:03_c7c0b5	drift	score_drift	warning	t	nothing to compare: 100 samples are needed, now and in earlier runs	\N	The scores are spread like in the model's earlier runs.
manual__2026-11-24T21:40:03_c7c0b5	drift	boxes_drift	warning	t	nothing to compare: 100 samples are needed, now and in earlier runs	\N	There are as many detections an image as in the model's earlier runs.
manual__2026-11-24T21:40:03_c7c0b5	drift	size_drift	warning	t	nothing to compare: 100 samples are needed, now and in earlier runs	\N	The boxes are as large as in the model's earlier runs.
manual__2026-11-24T21:40:03_c7c0b5	images	image_too_small	warning	t	0 of 3 images	0	Every image is at least 32 pixels wide and high.
manual__2026-11-24T21:40:03_c7c0b5	images	image_nearly_black	warning	t	0 of 3 images	0	No image is nearly black.
manual__2026-11-24T21:40:03_c7c0b5	classes	class_unnamed	critical	t	0 of 80 classes	0	Every class has a name.
manual__2026-11-24T21:40:03_c7c0b5	classes	class_repeated	critical	t	0 of 80 classes	0	No two classes have the same name.
manual__2026-11-24T21:40:14_ffffc3	run	images_without_outcome	critical	t	0	0	Every image that was listed has one outcome.
manual__2026-11-24T21:40:14_ffffc3	run	chunks_not_merged	critical	t	0	0	Every planned chunk was merged or is known to have failed.
manual__2026-11-24T21:40:14_ffffc3	run	chunks_failed	warning	t	0	0	No chunk failed.
manual__2026-11-24T21:40:14_ffffc3	run	unreadable_rate	warning	t	0.0%	0	At most 5% of the images cannot be read.
manual__2026-11-24T21:40:14_ffffc3	run	empty_rate	warning	t	0.0%	0	The model finds nothing in at most 80% of the images.
manual__2026-11-24T21:40:14_ffffc3	run	duplicate_rate	warning	t	0.0%	0	At most 20% of the images are copies of another one.
manual__2026-11-24T21:40:14_ffffc3	run	speed	warning	t	nothing to measure in this run	\N	Images go through at 50% or more of the usual speed.
manual__2026-11-24T21:40:14_ffffc3	detections	box_outside_image	critical	t	0 of 3 images	0	Every box lies inside its image.
manual__2026-11-24T21:40:14_ffffc3	detections	box_without_area	critical	t	0 of 3 images	0	Every box has an area.
manual__2026-11-24T21:40:14_ffffc3	detections	score_outside_range	critical	t	0 of 3 images	0	Every score lies between 0 and 1.
manual__2026-11-24T21:40:14_ffffc3	detections	score_below_threshold	critical	t	0 of 3 images	0	Every detection reaches the threshold of its class.
manual__2026-11-24T21:40:14_ffffc3	detections	class_not_in_table	critical	t	0 of 3 images	0	Every detection's class is in the model's class table.
manual__2026-11-24T21:40:14_ffffc3	detections	too_many_boxes	warning	t	0 of 3 images	0	No image has more than 200 detections.
manual__2026-11-24T21:40:14_ffffc3	detections	boxes_overlap	warning	t	0 of 3 images	0	No two boxes of one class lie on the same object (overlap above 90%).
manual__2026-11-24T21:40:14_ffffc3	polygons	polygon_broken	critical	t	0 of 0 images	0	Every polygon has three points or more.
manual__2026-11-24T21:40:14_ffffc3	polygons	polygon_outside_image	critical	t	0 of 0 images	0	Every polygon lies inside its image.
manual__2026-11-24T21:40:14_ffffc3	polygons	polygon_missing	warning	t	0 of 0 images	0	Every detection of a model with masks has a polygon.
manual__2026-11-24T21:40:14_ffffc3	polygons	polygon_crosses_itself	warning	t	0 of 0 images	0	No polygon's outline crosses or touches itself.
manual__2026-11-24T21:40:14_ffffc3	drift	class_drift	warning	t	nothing to compare: 100 samples are needed, now and in earlier runs	\N	The mix of classes is like in the model's earlier runs.
manual__2026-11-24T21:40:14_ffffc3	drift	score_drift	warning	t	nothing to compare: 100 samples are needed, now and in earlier runs	\N	The scores are spread like in the model's earlier runs.
manual__2026-11-24T21:40:14_ffffc3	drift	boxes_drift	warning	t	nothing to compare: 100 samples are needed, now and in earlier runs	\N	There are as many detections an image as in the model's earlier runs.
manual__2026-11-24T21:40:14_ffffc3	drift	size_drift	warning	t	nothing to compare: 100 samples are needed, now and in earlier runs	\N	The boxes are as large as in the model's earlier runs.
manual__2026-11-24T21:40:14_ffffc3	images	image_too_small	warning	t	0 of 3 images	0	Every image is at least 32 pixels wide and high.
manual__2026-11-24T21:40:14_ffffc3	images	image_nearly_black	warning	t	0 of 3 images	0	No image is nearly black.
manual__2026-11-24T21:40:14_ffffc3	classes	class_unnamed	critical	t	0 of 80 classes	0	Every class has a name.
manual__2026-11-24T21:40:14_ffffc3	classes	class_repeated	critical	t	0 of 80 classes	0	No two classes have the same name.
\.


--
-- Data for Name: quality_verdicts; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.quality_verdicts (run_id, verdict, images, detections, drift, checked_at) FROM stdin;
manual__2026-11-24T21:39:18_5f8d3e	warnings	8	3	\N	2026-11-24 21:39:29.860062+00
manual__2026-11-24T21:39:32_5606ae	warnings	8	6	\N	2026-11-24 21:39:40.40284+00
manual__2026-11-24T21:39:42_535b0d	warnings	8	0	\N	2026-11-24 21:39:50.058342+00
manual__2026-11-24T21:39:52_92b092	warnings	8	10	\N	2026-11-24 21:40:01.449807+00
manual__2026-11-24T21:40:03_c7c0b5	passed	3	2	\N	2026-11-24 21:40:11.284171+00
manual__2026-11-24T21:40:14_ffffc3	passed	3	5	\N	2026-11-24 21:40:22.605941+00
\.


--
-- Data for Name: runs; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.runs (run_id, model, settings_hash, images_uri, spec, state, stages, started_at, finished_at) FROM stdin;
manual__2026-11-24T21:39:52_92b092	masks@1a724523aa69	1c0ef729e183	/srv/photos	{"model": "masks@1a724523aa69", "engine": "local", "images": "/srv/photos", "run_id": "manual__2026-11-24T21:39:52_92b092", "publish": false, "model_uri": "/srv/firstpass/include/models/masks/1a724523aa69", "reprocess": false, "threshold": 0.5, "started_at": "2026-11-24T21:39:54+00:00", "class_thresholds": {}}	success	{"check": 1.658, "merge": 0.153, "report": 0.384, "admit_model": 0.009, "plan_chunks": 0.163, "resolve_model": 2.264, "catalogue_images": 0.164}	2026-11-24 21:39:54+00	2026-11-24 21:40:01.916492+00
manual__2026-11-24T21:39:42_535b0d	nanodet-coco@435cd36bb6d2	38f2b7bb8c19	/srv/photos	{"model": "nanodet-coco@435cd36bb6d2", "engine": "local", "images": "/srv/photos", "run_id": "manual__2026-11-24T21:39:42_535b0d", "publish": false, "model_uri": "/srv/firstpass/include/models/nanodet-coco/435cd36bb6d2", "reprocess": false, "threshold": 0.4, "started_at": "2026-11-24T21:39:42+00:00", "class_thresholds": {}}	success	{"check": 1.728, "merge": 0.161, "report": 0.393, "admit_model": 0.011, "plan_chunks": 0.162, "resolve_model": 0.021, "catalogue_images": 0.205}	2026-11-24 21:39:42+00	2026-11-24 21:39:50.621621+00
manual__2026-11-24T21:39:32_5606ae	nanodet-coco@435cd36bb6d2	21c0b211491b	/srv/photos	{"model": "nanodet-coco@435cd36bb6d2", "engine": "local", "images": "/srv/photos", "run_id": "manual__2026-11-24T21:39:32_5606ae", "publish": false, "model_uri": "/srv/firstpass/include/models/nanodet-coco/435cd36bb6d2", "reprocess": false, "threshold": 0.3, "started_at": "2026-11-24T21:39:33+00:00", "class_thresholds": {"1": 0.5}}	success	{"check": 1.784, "merge": 0.171, "report": 0.388, "admit_model": 0.016, "plan_chunks": 0.197, "resolve_model": 0.015, "catalogue_images": 0.202}	2026-11-24 21:39:33+00	2026-11-24 21:39:41.008421+00
manual__2026-11-24T21:39:18_5f8d3e	nanodet-coco@435cd36bb6d2	38f2b7bb8c19	/srv/photos	{"model": "nanodet-coco@435cd36bb6d2", "engine": "local", "images": "/srv/photos", "run_id": "manual__2026-11-24T21:39:18_5f8d3e", "publish": false, "model_uri": "/srv/firstpass/include/models/nanodet-coco/435cd36bb6d2", "reprocess": false, "threshold": 0.4, "started_at": "2026-11-24T21:39:19+00:00", "class_thresholds": {}}	success	{"check": 2.26, "merge": 0.174, "report": 0.492, "admit_model": 0.027, "plan_chunks": 0.163, "resolve_model": 0.033, "catalogue_images": 0.338}	2026-11-24 21:39:19+00	2026-11-24 21:39:30.595184+00
manual__2026-11-24T21:40:03_c7c0b5	nanodet-coco@435cd36bb6d2	38f2b7bb8c19	cvat:task/101	{"model": "nanodet-coco@435cd36bb6d2", "engine": "local", "images": "cvat:task/101", "run_id": "manual__2026-11-24T21:40:03_c7c0b5", "publish": false, "model_uri": "/srv/firstpass/include/models/nanodet-coco/435cd36bb6d2", "reprocess": false, "threshold": 0.4, "started_at": "2026-11-24T21:40:04+00:00", "class_thresholds": {}}	success	{"check": 1.746, "merge": 0.172, "report": 0.599, "admit_model": 0.014, "plan_chunks": 0.192, "resolve_model": 0.433, "catalogue_images": 0.349}	2026-11-24 21:40:04+00	2026-11-24 21:40:11.889616+00
manual__2026-11-24T21:40:14_ffffc3	nanodet-coco@435cd36bb6d2	d79bb3a0e16a	cvat:task/101	{"model": "nanodet-coco@435cd36bb6d2", "engine": "local", "images": "cvat:task/101", "run_id": "manual__2026-11-24T21:40:14_ffffc3", "publish": false, "model_uri": "/srv/firstpass/include/models/nanodet-coco/435cd36bb6d2", "reprocess": false, "threshold": 0.3, "started_at": "2026-11-24T21:40:14+00:00", "class_thresholds": {}}	success	{"check": 2.016, "merge": 0.16, "report": 0.52, "admit_model": 0.013, "plan_chunks": 0.201, "resolve_model": 0.122, "catalogue_images": 0.345}	2026-11-24 21:40:14+00	2026-11-24 21:40:23.28616+00
\.


--
-- Data for Name: schema_migrations; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.schema_migrations (version, name, applied_at) FROM stdin;
1	0001_annotations.sql	2026-11-24 21:39:12.768535+00
10	0010_quality.sql	2026-11-24 21:39:12.787923+00
20	0020_cvat.sql	2026-11-24 21:39:12.795713+00
30	0030_brightness.sql	2026-11-24 21:39:12.800459+00
\.


--
-- Name: chunks chunks_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.chunks
    ADD CONSTRAINT chunks_pkey PRIMARY KEY (run_id, chunk);


--
-- Name: classes classes_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.classes
    ADD CONSTRAINT classes_pkey PRIMARY KEY (model, class_id);


--
-- Name: detections detections_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.detections
    ADD CONSTRAINT detections_pkey PRIMARY KEY (sha256, model, settings_hash);


--
-- Name: drafts drafts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.drafts
    ADD CONSTRAINT drafts_pkey PRIMARY KEY (server, task, frame, model, settings_hash);


--
-- Name: images images_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.images
    ADD CONSTRAINT images_pkey PRIMARY KEY (uri);


--
-- Name: label_mappings label_mappings_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.label_mappings
    ADD CONSTRAINT label_mappings_pkey PRIMARY KEY (server, scope, model);


--
-- Name: models models_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.models
    ADD CONSTRAINT models_pkey PRIMARY KEY (model);


--
-- Name: outcomes outcomes_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outcomes
    ADD CONSTRAINT outcomes_pkey PRIMARY KEY (run_id, uri);


--
-- Name: publications publications_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.publications
    ADD CONSTRAINT publications_pkey PRIMARY KEY (run_id, server, task);


--
-- Name: quality_profiles quality_profiles_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.quality_profiles
    ADD CONSTRAINT quality_profiles_pkey PRIMARY KEY (run_id, measure, bin);


--
-- Name: quality_results quality_results_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.quality_results
    ADD CONSTRAINT quality_results_pkey PRIMARY KEY (run_id, suite, expectation);


--
-- Name: quality_verdicts quality_verdicts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.quality_verdicts
    ADD CONSTRAINT quality_verdicts_pkey PRIMARY KEY (run_id);


--
-- Name: runs runs_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (run_id);


--
-- Name: schema_migrations schema_migrations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);


--
-- Name: drafts_by_run; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX drafts_by_run ON public.drafts USING btree (run_id);


--
-- Name: outcomes_without_content; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX outcomes_without_content ON public.outcomes USING btree (run_id) WHERE ((outcome = 'duplicate'::text) AND (sha256 IS NULL));


--
-- Name: runs_by_time; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX runs_by_time ON public.runs USING btree (started_at);


--
-- Name: quality_trend _RETURN; Type: RULE; Schema: public; Owner: -
--

CREATE OR REPLACE VIEW public.quality_trend AS
 SELECT r.run_id,
    r.started_at,
    r.model,
    r.state,
    v.verdict,
    v.images,
    v.detections,
    v.drift,
    count(*) FILTER (WHERE ((NOT q.success) AND (q.severity = 'critical'::text))) AS critical,
    count(*) FILTER (WHERE ((NOT q.success) AND (q.severity = 'warning'::text))) AS warnings,
    max(q.value) FILTER (WHERE (q.expectation = 'empty_rate'::text)) AS empty_rate,
    max(q.value) FILTER (WHERE (q.expectation = 'unreadable_rate'::text)) AS unreadable_rate,
    max(q.value) FILTER (WHERE (q.expectation = 'duplicate_rate'::text)) AS duplicate_rate,
    max(q.value) FILTER (WHERE (q.expectation = 'speed'::text)) AS speed
   FROM ((public.runs r
     LEFT JOIN public.quality_verdicts v ON ((v.run_id = r.run_id)))
     LEFT JOIN public.quality_results q ON ((q.run_id = r.run_id)))
  GROUP BY r.run_id, v.run_id;


--
-- Name: run_statistics _RETURN; Type: RULE; Schema: public; Owner: -
--

CREATE OR REPLACE VIEW public.run_statistics AS
 SELECT r.run_id,
    r.state,
    r.model,
    r.images_uri,
    r.started_at,
    r.finished_at,
    count(o.uri) AS images,
    count(*) FILTER (WHERE (o.outcome = 'ok'::text)) AS ok,
    count(*) FILTER (WHERE (o.outcome = 'empty'::text)) AS empty,
    count(*) FILTER (WHERE (o.outcome = 'unreadable'::text)) AS unreadable,
    count(*) FILTER (WHERE (o.outcome = 'missing'::text)) AS missing,
    count(*) FILTER (WHERE (o.outcome = 'known'::text)) AS known,
    count(*) FILTER (WHERE (o.outcome = 'duplicate'::text)) AS duplicate,
    count(*) FILTER (WHERE (o.outcome = 'failed'::text)) AS failed,
    COALESCE(sum(o.detections), (0)::bigint) AS detections
   FROM (public.runs r
     LEFT JOIN public.outcomes o ON ((o.run_id = r.run_id)))
  GROUP BY r.run_id;


--
-- Name: chunks chunks_run_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.chunks
    ADD CONSTRAINT chunks_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.runs(run_id) ON DELETE CASCADE;


--
-- Name: classes classes_model_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.classes
    ADD CONSTRAINT classes_model_fkey FOREIGN KEY (model) REFERENCES public.models(model) ON DELETE CASCADE;


--
-- Name: quality_profiles quality_profiles_run_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.quality_profiles
    ADD CONSTRAINT quality_profiles_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.runs(run_id) ON DELETE CASCADE;


--
-- Name: quality_results quality_results_run_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.quality_results
    ADD CONSTRAINT quality_results_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.runs(run_id) ON DELETE CASCADE;


--
-- Name: quality_verdicts quality_verdicts_run_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.quality_verdicts
    ADD CONSTRAINT quality_verdicts_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.runs(run_id) ON DELETE CASCADE;


--
-- Name: runs runs_model_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_model_fkey FOREIGN KEY (model) REFERENCES public.models(model);


--
-- PostgreSQL database dump complete
--

\unrestrict lyHlqK8b7aSlL8pRVPhebdPkbyXGe88DkGhjxfeTbgzR9zdoWjF08EUDH7EnNZ1

