-- AlterTable
ALTER TABLE "build" ALTER COLUMN "namespace_key" SET DEFAULT '_';

-- CreateTable
CREATE TABLE "git_delivery" (
    "namespace_key" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "received_at" TIMESTAMPTZ(3) NOT NULL,
    "outcome" JSONB NOT NULL,

    CONSTRAINT "git_delivery_pkey" PRIMARY KEY ("namespace_key","id")
);

-- CreateIndex
CREATE INDEX "git_delivery_received_at_idx" ON "git_delivery"("received_at");
