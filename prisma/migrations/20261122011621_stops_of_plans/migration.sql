-- AlterTable
ALTER TABLE "plan" ADD COLUMN     "stops" INTEGER NOT NULL DEFAULT 0;

-- AlterTable
ALTER TABLE "mail" ADD COLUMN     "also" TEXT[] DEFAULT ARRAY[]::TEXT[],
ADD COLUMN     "plan_id" UUID,
ADD COLUMN     "plan_stop" INTEGER;

-- AddForeignKey
ALTER TABLE "mail" ADD CONSTRAINT "mail_plan_id_fkey" FOREIGN KEY ("plan_id") REFERENCES "plan"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- Few mails are of plans: indexes of these alone, which cost the others nothing
CREATE INDEX "mail_plan" ON "mail"("plan_id", "plan_stop") WHERE "plan_id" IS NOT NULL;
CREATE INDEX "mail_plan_failed" ON "mail"("plan_id", "plan_stop") WHERE "plan_id" IS NOT NULL AND "state" = 'failed';

-- What was written before: a plan that is stopped is at its first stop, and what was mailed since then is of that one
UPDATE "plan" SET "stops" = 1 WHERE "state" = 'stopped';
UPDATE "mail" m SET "plan_id" = p."id",
  "plan_stop" = CASE WHEN p."state" = 'stopped' AND m."created_at" >= p."ended_at" THEN 1 ELSE 0 END
FROM "plan" p
WHERE p."id" = substring(m."references"[1] FROM '^<plan\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})@')::uuid;
