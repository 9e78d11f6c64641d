-- AlterTable
ALTER TABLE "scanned_layer" DROP CONSTRAINT "scanned_layer_pkey",
DROP COLUMN "digest",
ADD COLUMN     "repository" TEXT NOT NULL,
ADD CONSTRAINT "scanned_layer_pkey" PRIMARY KEY ("name", "parent", "repository");

-- CreateTable
CREATE TABLE "scan_finding" (
    "name" TEXT NOT NULL,
    "features" JSONB NOT NULL,
    "fetched_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "scan_finding_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "portus_look" (
    "ref" TEXT NOT NULL,
    "shown" TEXT NOT NULL,
    "asked_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "portus_look_pkey" PRIMARY KEY ("ref")
);

-- CreateIndex
CREATE INDEX "scan_finding_fetched_at_idx" ON "scan_finding"("fetched_at");

-- The image of a top layer: asked whenever Portus visits a tag, of a million manifests.
CREATE INDEX "manifest_top_layer_idx" ON "manifest" ((layers -> -1 ->> 'digest')) WHERE kind = 'image';
