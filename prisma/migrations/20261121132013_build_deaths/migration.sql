-- AlterTable
ALTER TABLE "build" ADD COLUMN     "deaths" SMALLINT NOT NULL DEFAULT 0,
ADD COLUMN     "over_seen" TIMESTAMPTZ(3),
ADD COLUMN     "over_since" TIMESTAMPTZ(3);
