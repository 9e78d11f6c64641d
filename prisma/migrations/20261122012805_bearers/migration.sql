-- AlterTable: in two steps, since whoever is here already has links in mails that tell no bearer
ALTER TABLE "person" ADD COLUMN     "bearer" UUID;
ALTER TABLE "person" ALTER COLUMN "bearer" SET DEFAULT gen_random_uuid();
