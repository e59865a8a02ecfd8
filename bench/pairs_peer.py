"""RLAIF-V's pair building as its specification describes it (shared words: rlaifv-spec 1.6-1.8), own code, the
standard library only: both files in memory as Python objects, all combinations, then the search for the length ratio.
Usage: python3 pairs_peer.py ANSWERS LABELS OUT [--balance]"""

import itertools
import json
import os
import resource
import sys
import time


def read(path):
    with open(path, encoding="utf-8") as file:
        if file.read(1) == "[":
            file.seek(0)
            return json.load(file)
        file.seek(0)
        return [json.loads(line) for line in file if line.strip()]


def accepted(row):
    scores = row["scores"]
    return scores["yes"] + scores["Yes"] > scores["no"] + scores["No"]


def first_runs(answers):
    kept, seen, last = {}, set(), None
    for answer in answers:
        key = (answer["ds_question_id"], answer["raw_question"])
        if key != last:
            keep = key not in seen
            seen.add(key)
            last = key
        if keep:
            kept.setdefault(key, []).append(answer)
    return kept


def side_infos(answer):
    return {"facts": answer["facts"], "changed_facts": answer["changed_facts"]}


def side_scores(rows):
    judge = {row["raw_question"]: "1" if accepted(row) else "0" for row in rows}
    return {"judge": judge, "score": str(sum(accepted(row) for row in rows) - len(rows))}


def complete(answer, rows):
    return len({row["raw_question"] for row in rows}) == len([fact for fact in answer["facts"] if fact != ""])


def build(answers, labels, origin_file):
    rows_of = {}
    for row in labels:
        rows_of.setdefault(row["question_id"], []).append(row)
    pairs = []
    for (ds_question_id, question), group in first_runs(answers).items():
        scored = []
        for answer in group:
            rows = rows_of.get(answer["question_id"])
            if rows:
                scored.append((sum(accepted(row) for row in rows) - len(rows), answer, rows))
        for one, other in itertools.combinations(scored, 2):
            if abs(one[0] - other[0]) < 1 or not (complete(*one[1:]) and complete(*other[1:])):
                continue
            chosen, rejected = (one, other) if one[0] > other[0] else (other, one)
            path = chosen[1]["metainfos"]["image_path"]
            pairs.append({
                "image_id": os.path.basename(path),
                "image_path": path,
                "ds_question_id": ds_question_id,
                "question": question,
                "chosen": chosen[1]["answer"],
                "rejected": rejected[1]["answer"],
                "org_infos": {
                    "ds_question_id": ds_question_id,
                    "reference": chosen[1]["metainfos"].get("reference", ""),
                    "origin_file": origin_file,
                    "chosen_infos": side_infos(chosen[1]),
                    "rejected_infos": side_infos(rejected[1]),
                    "scores": {"chosen": side_scores(chosen[2]), "rejected": side_scores(rejected[2])},
                },
            })
    return pairs


def balanced(pairs):
    lengths = [(len(pair["chosen"].split()), len(pair["rejected"].split())) for pair in pairs]
    different = [pair["chosen"].strip() != pair["rejected"].strip() for pair in pairs]
    best = None
    for step in range(50):
        kept = [
            at
            for at, (chosen, rejected) in enumerate(lengths)
            if different[at] and (rejected - chosen) / rejected <= step * 0.02
        ]
        if not kept:
            continue
        chosen = sum(lengths[at][0] for at in kept) / len(kept)
        rejected = sum(lengths[at][1] for at in kept) / len(kept)
        objective = abs(chosen - rejected) / rejected
        if best is None or objective < best[0]:
            best = (objective, kept)
    return [pairs[at] for at in best[1]] if best else []


def main():
    begin = time.time()
    answers, labels, out = sys.argv[1:4]
    pairs = build(read(answers), read(labels), os.path.basename(answers))
    if "--balance" in sys.argv:
        pairs = balanced(pairs)
    with open(out, "w", encoding="utf-8") as file:
        for pair in pairs:
            file.write(json.dumps(pair, ensure_ascii=False) + "\n")
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime
    print(json.dumps({"seconds": time.time() - begin, "cpuSeconds": cpu, "megabytes": used.ru_maxrss / 1024}))


main()
