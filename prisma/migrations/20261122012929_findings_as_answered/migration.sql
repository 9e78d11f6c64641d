-- Findings as text that is answered as it is, beside its hash. What was found before stays, with the hash by which it was told
ALTER TABLE "scan_finding" ALTER COLUMN "features" SET DATA TYPE TEXT,
ADD COLUMN     "hash" TEXT;
UPDATE "scan_finding" SET "hash" = md5("features");
ALTER TABLE "scan_finding" ALTER COLUMN "hash" SET NOT NULL;

-- AlterTable
ALTER TABLE "clair_look" ADD COLUMN     "failures" INTEGER NOT NULL DEFAULT 0;
