-- AlterTable
ALTER TABLE "notice" ADD COLUMN     "error" TEXT,
ADD COLUMN     "tried_at" TIMESTAMPTZ(3);

-- AlterTable
ALTER TABLE "mail" ADD COLUMN     "namespaces" TEXT[] DEFAULT ARRAY[]::TEXT[];
