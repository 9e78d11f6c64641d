-- AlterTable
ALTER TABLE "token" ADD COLUMN     "made_by" UUID;

-- AlterTable
ALTER TABLE "audit" ADD COLUMN     "details" JSONB;

-- CreateIndex
CREATE INDEX "token_made_by_idx" ON "token"("made_by");

-- With one registry "host/name" was said of the repository of that name, and silenced the namespace of that name too: from now on the
-- repository is "host/_/name". With several it stays, and is the namespace alone. What such a policy ignores is looked at again.
INSERT INTO "dirty" ("kind", "key")
SELECT 'tag', t."ref" FROM "tag" t JOIN "tag_policy" p ON p."scope" = t."ignored"->>'scope'
WHERE p."scope" LIKE '%/%' AND p."scope" NOT LIKE '%/%/%';
UPDATE "tag_policy" p SET "scope" = g."name" || '/_/' || substr(p."scope", length(g."name") + 2)
FROM "registry" g
WHERE NOT g."outside" AND (SELECT count(*) FROM "registry" WHERE NOT "outside") = 1
  AND p."scope" LIKE '%/%' AND p."scope" NOT LIKE '%/%/%' AND split_part(p."scope", '/', 1) = g."name";
