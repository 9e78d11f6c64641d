-- Told again with the next visit.
DELETE FROM "scanned_layer";

-- AlterTable
ALTER TABLE "scanned_layer" DROP CONSTRAINT "scanned_layer_pkey",
DROP COLUMN "parent",
DROP COLUMN "repository",
ADD COLUMN     "below" BIGINT NOT NULL,
ADD COLUMN     "id" BIGSERIAL NOT NULL,
ADD COLUMN     "repository_id" INTEGER NOT NULL,
ADD COLUMN     "turn" BIGINT NOT NULL,
ADD CONSTRAINT "scanned_layer_pkey" PRIMARY KEY ("id");

-- AlterTable
ALTER TABLE "portus_look" ADD COLUMN     "answered" TEXT,
ADD COLUMN     "answered_at" TIMESTAMPTZ(3),
ADD COLUMN     "next_at" TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
ADD COLUMN     "tries" INTEGER NOT NULL DEFAULT 0,
ALTER COLUMN "shown" SET DEFAULT '',
ALTER COLUMN "asked_at" DROP NOT NULL;

ALTER TABLE "portus_look" ALTER COLUMN "next_at" DROP DEFAULT;

-- CreateTable
CREATE TABLE "clair_look" (
    "registry" TEXT NOT NULL,
    "repository" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "told" TEXT,
    "fetch_at" TIMESTAMPTZ(3),
    "fetch_tries" INTEGER NOT NULL DEFAULT 0,
    "next_at" TIMESTAMPTZ(3) NOT NULL,
    "asked_at" TIMESTAMPTZ(3),
    "tries" INTEGER NOT NULL DEFAULT 0,
    "seen_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "clair_look_pkey" PRIMARY KEY ("name","registry","repository")
);

-- CreateIndex
CREATE INDEX "clair_look_fetch_at_idx" ON "clair_look"("fetch_at");

-- CreateIndex
CREATE INDEX "clair_look_seen_at_idx" ON "clair_look"("seen_at");

-- CreateIndex
CREATE INDEX "scanned_layer_name_turn_idx" ON "scanned_layer"("name", "turn");

-- CreateIndex
CREATE INDEX "scanned_layer_repository_id_turn_idx" ON "scanned_layer"("repository_id", "turn");

-- CreateIndex
CREATE UNIQUE INDEX "scanned_layer_repository_id_name_below_key" ON "scanned_layer"("repository_id", "name", "below");

-- AddForeignKey
ALTER TABLE "scanned_layer" ADD CONSTRAINT "scanned_layer_repository_id_fkey" FOREIGN KEY ("repository_id") REFERENCES "repository"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- The image of which these are the layers, as Portus tells them (src/scanner/scanned-image.ts): by all of them, as very many images
-- share a top layer, the empty one of a WORKDIR.
DROP INDEX "manifest_top_layer_idx";
CREATE INDEX "manifest_told_layers_idx" ON "manifest" (md5(jsonb_path_query_array(layers, '$[*] ? (@.digest != "sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4").digest')::text)) WHERE kind = 'image';
