-- AlterTable
ALTER TABLE "person" ADD COLUMN     "gone_at" TIMESTAMPTZ(3),
ADD COLUMN     "gone_long" BOOLEAN NOT NULL DEFAULT false;

CREATE INDEX "person_gone_at" ON "person"("gone_at") WHERE "gone_at" IS NOT NULL AND NOT "gone_long";

-- Who is gone already: since when was not noted. Whom we let in (a token of theirs was used, a call of theirs is in the audit log) was said then
-- by somebody, and who was within this week is gone for no longer. Of all others it may be any time.
UPDATE "person" p SET "gone_at" = coalesce(seen.at, now()), "gone_long" = coalesce(seen.at NOT BETWEEN now() - interval '168 hours' AND now(), true)
FROM "person" q CROSS JOIN LATERAL (
  SELECT greatest(
    (SELECT max(t."last_used_at") FROM "token" t WHERE t."user_name" = q."name"),
    (SELECT max(a."at") FROM "audit" a WHERE a."actor" = q."name"
      AND (a."via" IN ('session', 'portus') OR a."via" LIKE 'token:%'))) AS at) AS seen
WHERE p."name" = q."name" AND NOT EXISTS (SELECT FROM "person_said" s WHERE s."name" = p."name");
