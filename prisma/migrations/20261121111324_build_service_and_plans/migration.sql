-- CreateEnum
CREATE TYPE "plan_state" AS ENUM ('approval', 'open', 'stopped', 'cancelled', 'done');

-- CreateEnum
CREATE TYPE "machine_state" AS ENUM ('creating', 'ready', 'leased', 'removing');

-- AlterEnum
ALTER TYPE "credential_kind" ADD VALUE 'secret';

-- AlterTable
ALTER TABLE "recipe" ADD COLUMN     "due_at" TIMESTAMPTZ(3);

-- AlterTable
ALTER TABLE "build" ADD COLUMN     "automatic" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "host" JSONB,
ADD COLUMN     "job" JSONB,
ADD COLUMN     "lease_until" TIMESTAMPTZ(3),
ADD COLUMN     "namespace_key" TEXT NOT NULL DEFAULT '_',
ADD COLUMN     "plan_id" UUID,
ADD COLUMN     "previous" TEXT,
ADD COLUMN     "priority" SMALLINT NOT NULL DEFAULT 0;

-- Builds from before: their namespace as with one registry (with several, those from now on have the host in it).
UPDATE "build" SET "automatic" = "reason"->>'kind' = 'base-moved', "priority" = CASE WHEN "reason"->>'kind' = 'base-moved' THEN 1 ELSE 0 END,
  "namespace_key" = CASE WHEN split_part("ref", '/', 3) = '' THEN '_' ELSE split_part("ref", '/', 2) END;

-- What waits to be run, in the order of claims: partial, because almost every build has ended.
CREATE INDEX "build_queued_turn" ON "build"("priority", "namespace_key", "created_at", "id") WHERE "state" = 'queued';
CREATE INDEX "build_running_lease" ON "build"("namespace_key", "lease_until") WHERE "state" = 'running';

-- CreateTable
CREATE TABLE "plan" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "root" TEXT NOT NULL,
    "base" TEXT NOT NULL,
    "from_digest" TEXT,
    "to_digest" TEXT NOT NULL,
    "state" "plan_state" NOT NULL,
    "because" JSONB,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "approved_by" TEXT,
    "approved_at" TIMESTAMPTZ(3),
    "ended_at" TIMESTAMPTZ(3),
    "seconds" INTEGER,
    "truncated" BOOLEAN NOT NULL DEFAULT false,
    "cycles" JSONB NOT NULL DEFAULT '[]',

    CONSTRAINT "plan_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "plan_node" (
    "plan_id" UUID NOT NULL,
    "ref" TEXT NOT NULL,
    "level" INTEGER,
    "because" TEXT,
    "waits_for" TEXT[],
    "seconds" INTEGER,

    CONSTRAINT "plan_node_pkey" PRIMARY KEY ("plan_id","ref")
);

-- CreateTable
CREATE TABLE "pause" (
    "scope" TEXT NOT NULL,
    "reason" TEXT,
    "by" TEXT,
    "since" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "pause_pkey" PRIMARY KEY ("scope")
);

-- CreateTable
CREATE TABLE "git_hook" (
    "namespace_key" TEXT NOT NULL,
    "sealed" TEXT NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "git_hook_pkey" PRIMARY KEY ("namespace_key")
);

-- CreateTable
CREATE TABLE "machine" (
    "name" TEXT NOT NULL,
    "state" "machine_state" NOT NULL,
    "profile" TEXT NOT NULL,
    "driver" TEXT NOT NULL,
    "owner" TEXT NOT NULL,
    "lease_until" TIMESTAMPTZ(3) NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "ready_at" TIMESTAMPTZ(3),
    "build_id" UUID,
    "error" JSONB,

    CONSTRAINT "machine_pkey" PRIMARY KEY ("name")
);

-- CreateIndex
CREATE UNIQUE INDEX "plan_root_key" ON "plan"("root");

-- CreateIndex
CREATE INDEX "plan_state_idx" ON "plan"("state");

-- CreateIndex
CREATE INDEX "plan_created_at_id_idx" ON "plan"("created_at", "id");

-- CreateIndex
CREATE UNIQUE INDEX "machine_build_id_key" ON "machine"("build_id");

-- CreateIndex
CREATE INDEX "machine_state_profile_idx" ON "machine"("state", "profile");

-- CreateIndex
CREATE INDEX "machine_lease_until_idx" ON "machine"("lease_until");

-- CreateIndex
CREATE INDEX "recipe_due_at_idx" ON "recipe"("due_at");

-- CreateIndex
CREATE INDEX "build_plan_id_idx" ON "build"("plan_id");

-- AddForeignKey
ALTER TABLE "build" ADD CONSTRAINT "build_plan_id_fkey" FOREIGN KEY ("plan_id") REFERENCES "plan"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "plan_node" ADD CONSTRAINT "plan_node_plan_id_fkey" FOREIGN KEY ("plan_id") REFERENCES "plan"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "git_hook" ADD CONSTRAINT "git_hook_namespace_key_fkey" FOREIGN KEY ("namespace_key") REFERENCES "namespace"("key") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "machine" ADD CONSTRAINT "machine_build_id_fkey" FOREIGN KEY ("build_id") REFERENCES "build"("id") ON DELETE SET NULL ON UPDATE CASCADE;
