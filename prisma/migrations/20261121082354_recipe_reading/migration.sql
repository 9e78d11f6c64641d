-- AlterTable
ALTER TABLE "origin" ADD COLUMN     "request" JSONB NOT NULL DEFAULT '{}';

-- AlterTable
ALTER TABLE "recipe" ADD COLUMN     "reading" JSONB;
