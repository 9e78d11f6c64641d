-- AlterTable: by hand, since BIGSERIAL, which Prisma writes here, is no type
ALTER TABLE "notice" ALTER COLUMN "id" SET DATA TYPE BIGINT;
ALTER TABLE "channel_notice" ALTER COLUMN "id" SET DATA TYPE BIGINT;

-- the columns' sequences end where an integer does
ALTER SEQUENCE "notice_id_seq" AS BIGINT;
ALTER SEQUENCE "channel_notice_id_seq" AS BIGINT;
