-- CreateEnum
CREATE TYPE "notice_kind" AS ENUM ('outdated', 'rebuilt', 'failed', 'still');

-- CreateEnum
CREATE TYPE "every" AS ENUM ('immediately', 'daily', 'weekly', 'off');

-- CreateEnum
CREATE TYPE "channel_kind" AS ENUM ('webhook', 'slack', 'matrix');

-- CreateEnum
CREATE TYPE "delivery_state" AS ENUM ('pending', 'delivered', 'failed', 'kept');

-- DropIndex
DROP INDEX "notice_user_name_ref_root_key";

-- AlterTable
ALTER TABLE "person" ADD COLUMN     "admin" BOOLEAN NOT NULL DEFAULT false;

-- AlterTable
ALTER TABLE "member" ADD COLUMN     "told" BOOLEAN NOT NULL DEFAULT false;

-- AlterTable
ALTER TABLE "notice" ADD COLUMN     "kind" "notice_kind" NOT NULL DEFAULT 'outdated';

-- AlterTable
ALTER TABLE "mail" ADD COLUMN     "references" TEXT[] DEFAULT ARRAY[]::TEXT[];

-- CreateTable
CREATE TABLE "people_source" (
    "name" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "registry" TEXT NOT NULL,
    "tried_at" TIMESTAMPTZ(3),
    "synced_at" TIMESTAMPTZ(3),
    "error" JSONB,
    "counts" JSONB,
    "notes" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "shrunk_at" TIMESTAMPTZ(3),

    CONSTRAINT "people_source_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "person_said" (
    "source" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "email" TEXT,
    "display_name" TEXT,
    "enabled" BOOLEAN NOT NULL DEFAULT true,
    "bot" BOOLEAN NOT NULL DEFAULT false,
    "admin" BOOLEAN NOT NULL DEFAULT false,

    CONSTRAINT "person_said_pkey" PRIMARY KEY ("source","name")
);

-- CreateTable
CREATE TABLE "namespace_said" (
    "source" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "visibility" "visibility",

    CONSTRAINT "namespace_said_pkey" PRIMARY KEY ("source","key")
);

-- CreateTable
CREATE TABLE "member_said" (
    "source" TEXT NOT NULL,
    "namespace_key" TEXT NOT NULL,
    "user_name" TEXT NOT NULL,
    "role" "member_role" NOT NULL,
    "told" BOOLEAN NOT NULL DEFAULT false,

    CONSTRAINT "member_said_pkey" PRIMARY KEY ("source","namespace_key","user_name")
);

-- CreateTable
CREATE TABLE "owner_rule" (
    "source" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "registry" TEXT NOT NULL,
    "pattern" TEXT NOT NULL,
    "regex" TEXT NOT NULL,
    "users" TEXT[],

    CONSTRAINT "owner_rule_pkey" PRIMARY KEY ("source","position")
);

-- CreateTable
CREATE TABLE "token" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "user_name" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "hash" TEXT NOT NULL,
    "scopes" TEXT[],
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3),
    "last_used_at" TIMESTAMPTZ(3),
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "token_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "session" (
    "hash" TEXT NOT NULL,
    "user_name" TEXT NOT NULL,
    "via" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "last_used_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "session_pkey" PRIMARY KEY ("hash")
);

-- CreateTable
CREATE TABLE "identity" (
    "issuer" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "user_name" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "identity_pkey" PRIMARY KEY ("issuer","subject")
);

-- CreateTable
CREATE TABLE "password" (
    "user_name" TEXT NOT NULL,
    "phc" TEXT NOT NULL,
    "changed_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "password_pkey" PRIMARY KEY ("user_name")
);

-- CreateTable
CREATE TABLE "audit" (
    "id" BIGSERIAL NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "actor" TEXT NOT NULL,
    "via" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "namespace" TEXT,
    "status" SMALLINT,
    "problem" TEXT,
    "request_id" TEXT NOT NULL,

    CONSTRAINT "audit_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "channel_notice" (
    "id" SERIAL NOT NULL,
    "kind" "notice_kind" NOT NULL,
    "channel_id" UUID NOT NULL,
    "ref" TEXT NOT NULL,
    "root" TEXT NOT NULL,
    "content" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "delivery_id" UUID,

    CONSTRAINT "channel_notice_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "notify_person" (
    "user_name" TEXT NOT NULL,
    "every" "every" NOT NULL DEFAULT 'immediately',
    "time_zone" TEXT NOT NULL DEFAULT 'UTC',
    "hour" SMALLINT NOT NULL DEFAULT 8,
    "rebuilt" BOOLEAN NOT NULL DEFAULT false,
    "failed" BOOLEAN NOT NULL DEFAULT true,
    "still" BOOLEAN NOT NULL DEFAULT true,

    CONSTRAINT "notify_person_pkey" PRIMARY KEY ("user_name")
);

-- CreateTable
CREATE TABLE "notify_namespace" (
    "user_name" TEXT NOT NULL,
    "namespace_key" TEXT NOT NULL,
    "every" "every" NOT NULL,

    CONSTRAINT "notify_namespace_pkey" PRIMARY KEY ("user_name","namespace_key")
);

-- CreateTable
CREATE TABLE "address_fault" (
    "address" TEXT NOT NULL,
    "message" TEXT NOT NULL,
    "refusals" INTEGER NOT NULL,
    "since" TIMESTAMPTZ(3) NOT NULL,
    "next_try_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "address_fault_pkey" PRIMARY KEY ("address")
);

-- CreateTable
CREATE TABLE "channel" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "namespace_key" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "kind" "channel_kind" NOT NULL,
    "sealed" TEXT NOT NULL,
    "events" "notice_kind"[],
    "enabled" BOOLEAN NOT NULL DEFAULT true,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "channel_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "delivery" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "channel_id" UUID NOT NULL,
    "type" TEXT NOT NULL,
    "body" JSONB NOT NULL,
    "state" "delivery_state" NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "next_try_at" TIMESTAMPTZ(3),
    "status" SMALLINT,
    "answer" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "delivered_at" TIMESTAMPTZ(3),

    CONSTRAINT "delivery_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "scanned_layer" (
    "name" TEXT NOT NULL,
    "parent" TEXT NOT NULL,
    "digest" TEXT NOT NULL,
    "seen_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "scanned_layer_pkey" PRIMARY KEY ("name","parent")
);

-- CreateIndex
CREATE INDEX "person_said_name_idx" ON "person_said"("name");

-- CreateIndex
CREATE INDEX "namespace_said_key_idx" ON "namespace_said"("key");

-- CreateIndex
CREATE INDEX "member_said_namespace_key_user_name_idx" ON "member_said"("namespace_key", "user_name");

-- CreateIndex
CREATE UNIQUE INDEX "token_hash_key" ON "token"("hash");

-- CreateIndex
CREATE INDEX "token_user_name_idx" ON "token"("user_name");

-- CreateIndex
CREATE INDEX "session_user_name_idx" ON "session"("user_name");

-- CreateIndex
CREATE INDEX "session_expires_at_idx" ON "session"("expires_at");

-- CreateIndex
CREATE UNIQUE INDEX "identity_issuer_user_name_key" ON "identity"("issuer", "user_name");

-- CreateIndex
CREATE INDEX "audit_at_idx" ON "audit"("at");

-- CreateIndex
CREATE INDEX "audit_actor_id_idx" ON "audit"("actor", "id");

-- CreateIndex
CREATE INDEX "audit_namespace_id_idx" ON "audit"("namespace", "id");

-- CreateIndex
CREATE INDEX "channel_notice_delivery_id_idx" ON "channel_notice"("delivery_id");

-- CreateIndex
CREATE UNIQUE INDEX "channel_notice_channel_id_ref_root_kind_key" ON "channel_notice"("channel_id", "ref", "root", "kind");

-- CreateIndex
CREATE UNIQUE INDEX "channel_namespace_key_name_key" ON "channel"("namespace_key", "name");

-- CreateIndex
CREATE INDEX "delivery_channel_id_created_at_idx" ON "delivery"("channel_id", "created_at");

-- CreateIndex
CREATE INDEX "delivery_state_idx" ON "delivery"("state");

-- CreateIndex
CREATE INDEX "scanned_layer_seen_at_idx" ON "scanned_layer"("seen_at");

-- CreateIndex
CREATE INDEX "member_user_name_idx" ON "member"("user_name");

-- CreateIndex
CREATE INDEX "notice_ref_idx" ON "notice"("ref");

-- CreateIndex
CREATE UNIQUE INDEX "notice_user_name_ref_root_kind_key" ON "notice"("user_name", "ref", "root", "kind");

-- AddForeignKey
ALTER TABLE "token" ADD CONSTRAINT "token_user_name_fkey" FOREIGN KEY ("user_name") REFERENCES "person"("name") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "session" ADD CONSTRAINT "session_user_name_fkey" FOREIGN KEY ("user_name") REFERENCES "person"("name") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "identity" ADD CONSTRAINT "identity_user_name_fkey" FOREIGN KEY ("user_name") REFERENCES "person"("name") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "password" ADD CONSTRAINT "password_user_name_fkey" FOREIGN KEY ("user_name") REFERENCES "person"("name") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "channel_notice" ADD CONSTRAINT "channel_notice_channel_id_fkey" FOREIGN KEY ("channel_id") REFERENCES "channel"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "channel_notice" ADD CONSTRAINT "channel_notice_delivery_id_fkey" FOREIGN KEY ("delivery_id") REFERENCES "delivery"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "channel" ADD CONSTRAINT "channel_namespace_key_fkey" FOREIGN KEY ("namespace_key") REFERENCES "namespace"("key") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "delivery" ADD CONSTRAINT "delivery_channel_id_fkey" FOREIGN KEY ("channel_id") REFERENCES "channel"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- What is known so far was told through the API: the source "local".
INSERT INTO "person_said" ("source", "name", "email", "display_name", "enabled", "bot")
SELECT 'local', "name", "email", "display_name", "enabled", "bot" FROM "person";
INSERT INTO "namespace_said" ("source", "key", "visibility")
SELECT 'local', "key", NULLIF("visibility"::text, 'private')::"visibility" FROM "namespace";
INSERT INTO "member_said" ("source", "namespace_key", "user_name", "role")
SELECT 'local', "namespace_key", "user_name", "role" FROM "member";
