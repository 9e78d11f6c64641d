-- CreateEnum
CREATE TYPE "keep_by" AS ENUM ('version', 'push');

-- CreateEnum
CREATE TYPE "snooze_kind" AS ENUM ('tag', 'base');

-- AlterTable
ALTER TABLE "registry" ADD COLUMN     "imported_at" TIMESTAMPTZ(3),
ADD COLUMN     "outside" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "pass_compared" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "pass_cursor" TEXT,
ADD COLUMN     "pass_differed" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "pass_started_at" TIMESTAMPTZ(3),
ADD COLUMN     "paused_until" TIMESTAMPTZ(3);

-- AlterTable
ALTER TABLE "declaration" ADD COLUMN     "reason" TEXT;

-- AlterTable
ALTER TABLE "tag" ADD COLUMN     "ignored" JSONB;

-- CreateTable
CREATE TABLE "watch" (
    "ref" TEXT NOT NULL,
    "host" TEXT NOT NULL,
    "next_at" TIMESTAMPTZ(3) NOT NULL,
    "asked_at" TIMESTAMPTZ(3),
    "error" TEXT,

    CONSTRAINT "watch_pkey" PRIMARY KEY ("ref")
);

-- CreateTable
CREATE TABLE "tag_listing" (
    "repository_id" INTEGER NOT NULL,
    "names" TEXT[],
    "listed_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "tag_listing_pkey" PRIMARY KEY ("repository_id")
);

-- CreateTable
CREATE TABLE "origin" (
    "subject" TEXT NOT NULL,
    "evidence" "evidence_kind" NOT NULL,
    "source" TEXT NOT NULL,
    "url" TEXT NOT NULL,
    "revision" TEXT,
    "dockerfile" TEXT,
    "context" TEXT,

    CONSTRAINT "origin_pkey" PRIMARY KEY ("subject","evidence","source")
);

-- CreateTable
CREATE TABLE "tag_policy" (
    "scope" TEXT NOT NULL,
    "include" TEXT[],
    "exclude" TEXT[],
    "keep_newest" INTEGER,
    "keep_by" "keep_by" NOT NULL DEFAULT 'version',
    "ignore_immutable" BOOLEAN NOT NULL DEFAULT false,
    "immutable" TEXT[],
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "tag_policy_pkey" PRIMARY KEY ("scope")
);

-- CreateTable
CREATE TABLE "snooze" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "kind" "snooze_kind" NOT NULL,
    "ref" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "author" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "snooze_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "watch_host_next_at_idx" ON "watch"("host", "next_at");

-- CreateIndex
CREATE UNIQUE INDEX "snooze_kind_ref_key" ON "snooze"("kind", "ref");

-- AddForeignKey
ALTER TABLE "tag_listing" ADD CONSTRAINT "tag_listing_repository_id_fkey" FOREIGN KEY ("repository_id") REFERENCES "repository"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
