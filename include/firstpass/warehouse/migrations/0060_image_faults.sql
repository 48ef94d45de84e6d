-- What is wrong with an image is remembered by its bytes, so that it does not cost a chunk again: see decision 0018.

CREATE TABLE image_faults (
    sha256 text COLLATE "C" NOT NULL,
    model  text COLLATE "C" NOT NULL, -- '' where no network was needed to tell
    reason text NOT NULL,
    deaths integer NOT NULL,          -- how often it killed the process while it was alone in it; 0 for what is no killer
    limits jsonb NOT NULL,            -- name -> value of what the verdict depended on: where one is higher, or new, the
                                      -- image is tried again
    run_id text COLLATE "C" NOT NULL, -- the run that found it
    PRIMARY KEY (sha256, model)
);

-- Whether a verdict that was reached within some limits still holds: none of them is higher now.
CREATE FUNCTION still_holds(limits_then jsonb, limits_now jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN NOT EXISTS (
        SELECT FROM jsonb_each_text(limits_now) AS each (name, value)
        WHERE limits_then -> each.name IS NULL OR (limits_then ->> each.name)::bigint < each.value::bigint);
