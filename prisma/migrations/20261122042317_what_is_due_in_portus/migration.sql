-- CreateEnum
CREATE TYPE "portus_mark_kind" AS ENUM ('tag', 'namespace');

-- AlterTable
ALTER TABLE "portus_look" ADD COLUMN     "digest" TEXT,
ADD COLUMN     "wanted" TEXT NOT NULL DEFAULT '';

-- CreateTable
CREATE TABLE "portus_mark" (
    "id" SERIAL NOT NULL,
    "kind" "portus_mark_kind" NOT NULL,
    "key" TEXT NOT NULL,

    CONSTRAINT "portus_mark_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "portus_sweep" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "swept_at" TIMESTAMPTZ(3),

    CONSTRAINT "portus_sweep_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "clair_look_asked_at_idx" ON "clair_look"("asked_at");

-- CreateIndex
CREATE INDEX "portus_look_digest_idx" ON "portus_look"("digest");

-- CreateIndex
CREATE INDEX "portus_look_asked_at_idx" ON "portus_look"("asked_at");

-- What a real Clair has found in a layer (by default nothing, which is the MD5 of "[]" as src/scanner/clair-findings.ts has it)
ALTER TABLE "clair_look" ADD COLUMN "found" TEXT NOT NULL DEFAULT 'd751713988987e9331980363e24189ce';
UPDATE "clair_look" l SET "found" = f."hash" FROM "scan_finding" f WHERE f."name" = l."name";

-- Partial indexes, which Prisma's language lacks: what Portus is to be asked, by registry and by when (src/scanner/due-looks.ts).
CREATE INDEX "portus_look_changed_idx" ON "portus_look" (split_part("ref", '/', 1), "next_at") WHERE "answered" IS DISTINCT FROM "wanted";
CREATE INDEX "portus_look_same_idx" ON "portus_look" (split_part("ref", '/', 1), "next_at")
  WHERE "answered" IS NOT DISTINCT FROM "wanted" AND "wanted" <> '';
CREATE INDEX "portus_look_nothing_idx" ON "portus_look" ("ref") WHERE "answered" = '' AND "wanted" = '';
CREATE INDEX "clair_look_untold_idx" ON "clair_look" ("registry", "next_at")
  WHERE coalesce("told", 'd751713988987e9331980363e24189ce') <> "found" OR "fetch_tries" > 0;
