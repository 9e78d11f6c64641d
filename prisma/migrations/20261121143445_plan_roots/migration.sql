-- AlterTable
ALTER TABLE "recipe" ADD COLUMN     "change" TEXT;

-- AlterTable
ALTER TABLE "plan" ADD COLUMN     "approved_nodes" INTEGER,
ALTER COLUMN "base" DROP NOT NULL,
ALTER COLUMN "to_digest" DROP NOT NULL;

-- What was approved until now was approved as it stands.
UPDATE "plan" SET "approved_nodes" = (
  SELECT count(*) FROM "plan_node" WHERE "plan_id" = "plan"."id" AND "level" IS NOT NULL
) WHERE "approved_at" IS NOT NULL;
