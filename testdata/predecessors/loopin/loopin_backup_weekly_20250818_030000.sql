--
-- PostgreSQL database dump
--

\restrict kq3Lw0

-- Dumped from database version 15.14 (Debian 15.14-0+deb12u1)
-- Dumped by pg_dump version 15.14 (Debian 15.14-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;

SET default_tablespace = '';

--
-- Name: orders; Type: TABLE; Schema: public; Owner: loopin
--

CREATE TABLE public.orders (
    id integer NOT NULL,
    item character varying(80),
    note text
);


ALTER TABLE public.orders OWNER TO loopin;

--
-- Data for Name: orders; Type: TABLE DATA; Schema: public; Owner: loopin
--

COPY public.orders (id, item, note) FROM stdin;
1	item 1	\N
2	item 2	\N
3	item 3	\N
4	item 4	\N
\.


ALTER TABLE ONLY public.orders
    ADD CONSTRAINT orders_pkey PRIMARY KEY (id);


--
-- PostgreSQL database dump complete
--

\unrestrict kq3Lw0

