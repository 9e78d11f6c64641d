-- AlterTable
ALTER TABLE "registry" ADD COLUMN     "spent_until" TIMESTAMPTZ(3);
