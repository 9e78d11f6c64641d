-- AlterTable
ALTER TABLE "registry" ADD COLUMN     "gone_since" TIMESTAMPTZ(3);
