/**
 * Where the benchmarks' own files officially lie, under which licence, and how a fetched one is known to be the right one.
 * Nothing of them is part of this project.
 */
import type { BenchName } from "../../shared/schemas/evaluation.ts";

/** A file, or an archive that is unpacked. */
export type Source = {
  /** Where it lies below the bench's folder in the cache. */
  path: string;
  what: string;
  /** Null: its official place has no address that a program may download from. */
  url: string | null;
  /** For people: where its owners offer it. */
  page: string;
  licence: string;
  /** Of the file or archive. Left out where nobody here has seen the file: what the first fetch gets is recorded then. */
  sha256?: string;
  bytes?: number;
  /** Pictures are needed only where a model is asked. */
  pictures?: true;
  /** Other servers that the official one may send to: their names, or ends of names that begin with a dot. */
  servers?: readonly string[];
  /** Of an archive: what is taken out of it, by the end of its name, and the folder it lies in afterwards. */
  unpack?: { into: string; members: readonly string[] | "pictures" };
};

export type FetchedBench = Exclude<BenchName, "scenes">;

const RLAIFV = "https://github.com/RLHF-V/RLAIF-V/tree/main/eval/data";
/** Commits as GitHub names them: files of a commit never change. */
const AMBER = "https://raw.githubusercontent.com/junyangwang0410/AMBER/5e1fd52f8ea69150c70f0ba15de70af3a907a1fd";
const POPE = "https://raw.githubusercontent.com/AoiDragon/POPE/7ef3026faa9a89ed11fd508385fad652fdc6349f";
const RLHFV = "https://raw.githubusercontent.com/RLHF-V/RLHF-V/3d35a91568b237fcc9d884463d9279fd7ae10350";
/** The bucket behind images.cocodataset.org, whose own name has no certificate. */
const COCO = "https://s3.amazonaws.com/images.cocodataset.org";
const COCO_PAGE = "https://cocodataset.org/#download";

/** RLAIF-V's README: its code is Apache-2.0, its data are not. */
const RLAIFV_LICENCE = "RLAIF-V's data: CC BY-NC 4.0, research only";
/** cocodataset.org, terms of use. */
const COCO_LICENCE = "COCO: annotations CC BY 4.0; the pictures belong to their Flickr users";
const POPE_LICENCE = "MIT";
const AMBER_LICENCE = "Apache-2.0";
/** Hugging Face, card of Shengcao1006/MMHal-Bench. */
const MMHAL_LICENCE = "Apache-2.0; the pictures belong to their Flickr users";

const COCO_ANNOTATIONS: Source = {
  path: "annotations_trainval2014.zip",
  what: "what COCO 2014 knows of its pictures: instances and captions (the archive is removed once it is unpacked, 1 GB)",
  url: `${COCO}/annotations/annotations_trainval2014.zip`,
  page: COCO_PAGE,
  licence: COCO_LICENCE,
  // as pinned by torchvision's prototype datasets, and by others
  sha256: "031296bbc80c45a1d1f76bf9a90ead27e94e99ec629208449507a4917a3bf009",
  unpack: {
    into: "annotations",
    members: ["instances", "captions"].flatMap((kind) =>
      ["train", "val"].map((split) => `annotations/${kind}_${split}2014.json`),
    ),
  },
};

const COCO_PICTURES: Source = {
  path: "val2014.zip",
  what: "the pictures of COCO 2014's validation split (6 GB)",
  url: `${COCO}/zips/val2014.zip`,
  page: COCO_PAGE,
  licence: COCO_LICENCE,
  sha256: "fe9be816052049c34717e077d9e34aa60814a55679f804cd043e3cbee3b9fde0", // as pinned by torchvision's prototype datasets
  pictures: true,
  unpack: { into: "images", members: "pictures" },
};

const AMBER_FILES: readonly (readonly [string, string])[] = [
  ["data/query/query_all.json", "all questions"],
  ["data/query/query_generative.json", "the questions that want a description"],
  ["data/query/query_discriminative.json", "the questions that want yes or no"],
  ["data/annotations.json", "what is in the pictures"],
  ["data/relation.json", "words that stand for an object"],
  ["data/safe_words.txt", "nouns that are no objects"],
];

const POPE_SETTINGS = ["random", "popular", "adversarial"];

/** By bench, in the order they are fetched. */
export const SOURCES: Readonly<Record<FetchedBench, readonly Source[]>> = {
  "object-halbench": [
    {
      path: "obj_halbench_300_with_image.jsonl",
      what: "300 questions with their pictures",
      url: "https://raw.githubusercontent.com/RLHF-V/RLAIF-V/main/eval/data/obj_halbench_300_with_image.jsonl",
      page: RLAIFV,
      licence: `${RLAIFV_LICENCE}; ${COCO_LICENCE}`,
    },
    COCO_ANNOTATIONS,
    {
      path: "synonyms_refine.txt",
      what: "RLAIF-V's words of the 80 classes, for --synonyms (without it this project's own table is used)",
      url: `${RLHFV}/eval/data/synonyms_refine.txt`,
      page: "https://github.com/RLHF-V/RLHF-V/tree/main/eval/data",
      licence: "not told for this file: see its page",
      sha256: "681041d2958d7871ed6fa69c3108f34aa6a0a354eb53ed4c5a425e65f86bc72a",
      bytes: 3594,
    },
  ],
  amber: [
    ...AMBER_FILES.map(
      ([path, what]): Source => ({
        ...{ path, what, url: `${AMBER}/${path}`, licence: AMBER_LICENCE },
        page: "https://github.com/junyangwang0410/AMBER",
      }),
    ),
    {
      path: "AMBER_image.zip",
      what: "1,004 pictures",
      url: null,
      page: "https://drive.google.com/file/d/1MaCHgtupcZUjf007anNl4_MV0o4DjXvl/view",
      licence: AMBER_LICENCE,
      pictures: true,
      unpack: { into: "images", members: "pictures" },
    },
  ],
  pope: [
    ...POPE_SETTINGS.map(
      (setting): Source => ({
        path: `coco_pope_${setting}.json`,
        what: `3,000 questions, objects that are not there drawn the ${setting} way`,
        url: `${POPE}/output/coco/coco_pope_${setting}.json`,
        page: "https://github.com/AoiDragon/POPE",
        licence: POPE_LICENCE,
      }),
    ),
    COCO_PICTURES,
  ],
  mmhal: [
    {
      path: "mmhal-bench_answer_template.json",
      what: "96 questions with what is in their pictures and a person's answer",
      url: `${RLHFV}/eval/data/mmhal-bench_answer_template.json`,
      page: "https://huggingface.co/datasets/Shengcao1006/MMHal-Bench",
      licence: MMHAL_LICENCE,
      sha256: "28ed24e19ffef292597c35f1dad37760b2e0a088b3b40ca3b50f105fc1b951bb",
      bytes: 50_519,
    },
    {
      path: "test_data.zip",
      what: "the pictures (174 MB)",
      url: "https://huggingface.co/datasets/Shengcao1006/MMHal-Bench/resolve/main/test_data.zip",
      page: "https://huggingface.co/datasets/Shengcao1006/MMHal-Bench",
      licence: MMHAL_LICENCE,
      pictures: true,
      servers: [".hf.co", ".huggingface.co"],
      unpack: { into: "images", members: "pictures" },
    },
  ],
  refomb: [
    {
      path: "RefoMB_dev.jsonl",
      what: "99 questions with descriptions of their pictures",
      url: "https://raw.githubusercontent.com/RLHF-V/RLAIF-V/59e9254d4b7fe68bdc87923279f8773ed0b5a49c/eval/data/RefoMB_dev.jsonl",
      page: RLAIFV,
      licence: RLAIFV_LICENCE,
      sha256: "19917494814211a40d683e519ebe87ad2d3d717bc4e051127f944b98d24a2f67",
      bytes: 445_946,
    },
    {
      path: "RefoMB_gpt4v_dev.jsonl",
      what: "the answers of GPT-4V that others are compared with",
      url: "https://raw.githubusercontent.com/RLHF-V/RLAIF-V/67c98cda39d13c92c415123ab54a368797a93023/eval/data/RefoMB_gpt4v_dev.jsonl",
      page: RLAIFV,
      licence: RLAIFV_LICENCE,
    },
  ],
};

export const isFetchedBench = (name: string): name is FetchedBench => Object.hasOwn(SOURCES, name);
