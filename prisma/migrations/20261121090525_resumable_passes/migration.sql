-- AlterTable
ALTER TABLE "registry" DROP COLUMN "pass_cursor";

-- AlterTable
ALTER TABLE "repository" ADD COLUMN     "compared_at" TIMESTAMPTZ(3);
