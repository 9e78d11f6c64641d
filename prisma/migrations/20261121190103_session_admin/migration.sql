-- AlterTable
ALTER TABLE "session" ADD COLUMN     "admin" BOOLEAN NOT NULL DEFAULT false;
