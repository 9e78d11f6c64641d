-- AlterTable
ALTER TABLE "plan" ADD COLUMN     "since" BIGINT;

-- Of plans there are: that of their end, by our clock.
UPDATE "plan" SET "since" = (extract(epoch FROM coalesce("ended_at", "created_at")) * 1000)::bigint * 1000000 WHERE "base" IS NOT NULL;
