-- CreateTable
CREATE TABLE "tag_base" (
    "tag_id" INTEGER NOT NULL,
    "base" TEXT NOT NULL,

    CONSTRAINT "tag_base_pkey" PRIMARY KEY ("tag_id","base")
);

-- CreateIndex
CREATE INDEX "tag_base_base_idx" ON "tag_base"("base");

-- AddForeignKey
ALTER TABLE "tag_base" ADD CONSTRAINT "tag_base_tag_id_fkey" FOREIGN KEY ("tag_id") REFERENCES "tag"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- What is known already.
INSERT INTO "tag_base" ("tag_id", "base")
SELECT DISTINCT t."id", base->>'ref'
FROM "tag" t, jsonb_array_elements(t."platforms") platform, jsonb_array_elements(platform->'bases') base
WHERE base->>'ref' IS NOT NULL
ON CONFLICT DO NOTHING;

-- GET /outdated, page by page, oldest first: without sorting all that is outdated for each page.
CREATE INDEX "tag_outdated_since" ON "tag" ("outdated_since", "ref") WHERE "status" = 'outdated';
