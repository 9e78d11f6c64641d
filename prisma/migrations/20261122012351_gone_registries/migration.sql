-- AlterTable
ALTER TABLE "registry" ADD COLUMN     "gone" BOOLEAN NOT NULL DEFAULT false;
