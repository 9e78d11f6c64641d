-- AlterTable
ALTER TABLE "channel" ADD COLUMN     "because" TEXT;

-- AlterTable
ALTER TABLE "delivery" ADD COLUMN     "since" TIMESTAMPTZ(3) NOT NULL;
