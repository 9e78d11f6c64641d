-- AlterTable
ALTER TABLE "tag" ADD COLUMN     "findings" JSONB,
ADD COLUMN     "reach" INTEGER;
