-- AlterTable
ALTER TABLE "channel_notice" ADD COLUMN     "error" TEXT,
ADD COLUMN     "tried_at" TIMESTAMPTZ(3);

-- AlterTable
ALTER TABLE "channel" ADD COLUMN     "slow_at" TIMESTAMPTZ(3);
