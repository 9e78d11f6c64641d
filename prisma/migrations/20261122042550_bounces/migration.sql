-- AlterTable
ALTER TABLE "mail" ADD COLUMN     "barred_at" TIMESTAMPTZ(3),
ADD COLUMN     "bounces" TEXT[] DEFAULT ARRAY[]::TEXT[];

-- AlterTable
ALTER TABLE "address_fault" ADD COLUMN     "bounced_at" TIMESTAMPTZ(3);

-- CreateIndex
CREATE INDEX "mail_sent_at_idx" ON "mail"("sent_at");
