-- AlterTable
ALTER TABLE "mail" DROP COLUMN "namespaces",
ADD COLUMN     "about" TEXT[] DEFAULT ARRAY[]::TEXT[];
