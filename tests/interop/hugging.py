#!/usr/bin/env python3
"""hugging.py PROGRAM [NAME...] -- Hugging Face's networks, imported, beside transformers' own

Of each a folder is written with weights of chance, config.json and preprocessor_config.json;
`discern import` takes it, `discern predict` answers for a picture of exactly the size that the
network sees, so that no filter comes between, and transformers prepares and answers with its own.
Looked at are the logits, off in parts of the largest, or of 1.  NAMEs: these alone.
"""
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import torch
import transformers as t
from PIL import Image

LABELS = 7


def effnet(width, depth, side, hidden, odd):
    return t.EfficientNetConfig(width_coefficient=width, depth_coefficient=depth, image_size=side,
                                hidden_dim=hidden, depthwise_padding=odd)


def processor(kind, side, **more):
    return {"image_processor_type": kind, "do_resize": True, "do_rescale": True,
            "rescale_factor": 1 / 255, "do_normalize": True, "resample": 2,
            "size": {"height": side, "width": side}, **more}


HALF = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
TWICE = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.47853944, 0.4732864, 0.47434163],
         "include_top": True, "rescale_offset": False, "resample": 0}
ROW = "ViTImageProcessor", 224
CROP = {"size": {"shortest_edge": 224}, "do_center_crop": True,
        "crop_size": {"height": 224, "width": 224}}


def transformer(kind, wide, heads, **more):
    return kind(hidden_size=wide, num_attention_heads=heads, intermediate_size=4 * wide, **more)


# Name, network of ours, class, settings, what preprocessor_config.json says, side of the picture.
ROWS = [
    ("resnet-18", "resnet18", t.ResNetForImageClassification,
     t.ResNetConfig(hidden_sizes=[64, 128, 256, 512], depths=[2, 2, 2, 2], layer_type="basic"),
     processor("ConvNextImageProcessor", 224, size={"shortest_edge": 224}, crop_pct=0.875,
               **IMAGENET), 256),
    ("resnet-50", "resnet50", t.ResNetForImageClassification, t.ResNetConfig(),
     processor("ConvNextImageProcessor", 224, size={"shortest_edge": 224}, crop_pct=0.875,
               **IMAGENET), 256),
    *((f"mobilenet_v1_{w}", f"mobilenet_v1_{w}", t.MobileNetV1ForImageClassification,
       t.MobileNetV1Config(depth_multiplier=float(w), image_size=s),
       processor("MobileNetV1ImageProcessor", s, **HALF, size={"shortest_edge": s},
                 do_center_crop=True, crop_size={"height": s, "width": s}), s)
      for w, s in (("1.0", 224), ("0.75", 192))),
    *((f"mobilenet_v2_{w}", f"tf_mobilenetv2_{w.replace('.', '').ljust(3, '0')}",
       t.MobileNetV2ForImageClassification,
       t.MobileNetV2Config(depth_multiplier=float(w), image_size=s),
       processor("MobileNetV2ImageProcessor", s, **HALF, size={"shortest_edge": s},
                 do_center_crop=True, crop_size={"height": s, "width": s}), s)
      for w, s in (("1.4", 224), ("1.0", 224), ("0.75", 160), ("0.35", 96))),
    *((f"efficientnet-b{i}", f"tf_efficientnet_b{i}", t.EfficientNetForImageClassification,
       effnet(*c), processor("EfficientNetImageProcessor", c[2], **TWICE), c[2])
      for i, c in enumerate(((1.0, 1.0, 224, 1280, []), (1.0, 1.1, 240, 1280, [16]),
                             (1.1, 1.2, 260, 1408, [5, 8, 16]), (1.2, 1.4, 300, 1536, [5, 18]),
                             (1.4, 1.8, 380, 1792, [6])))),
    ("convnext-tiny", "convnext_tiny", t.ConvNextForImageClassification, t.ConvNextConfig(),
     processor("ConvNextImageProcessor", 224, size={"shortest_edge": 224}, crop_pct=0.875,
               **IMAGENET), 256),
    ("vit-tiny", "vit_tiny_patch16_224", t.ViTForImageClassification,
     transformer(t.ViTConfig, 192, 3), processor(*ROW, **HALF), 224),
    ("vit-base", "vit_base_patch16_224", t.ViTForImageClassification, t.ViTConfig(),
     processor(*ROW, **HALF), 224),
    ("deit-tiny-distilled", "deit_tiny_distilled_patch16_224",
     t.DeiTForImageClassificationWithTeacher, transformer(t.DeiTConfig, 192, 3),
     processor("DeiTImageProcessor", 224, **IMAGENET, do_center_crop=True,
               crop_size={"height": 224, "width": 224}), 224),
    ("swin-tiny", "swin_tiny_patch4_window7_224", t.SwinForImageClassification, t.SwinConfig(),
     processor(*ROW, **IMAGENET), 224),
    ("swin-small", "swin_small_patch4_window7_224", t.SwinForImageClassification,
     t.SwinConfig(depths=[2, 2, 18, 2]), processor(*ROW, **IMAGENET), 224),
]


def make(kind, config, image):
    """Weights of chance, with statistics as of pictures."""
    torch.manual_seed(1)
    config.num_labels = LABELS
    net = kind(config)
    norms = [m for m in net.modules() if hasattr(m, "running_var")]
    with torch.no_grad():
        for name, x in net.named_parameters():
            x.add_((0.2 if x.dim() <= 1 else 0.05) * torch.randn_like(x))
        by = [m.momentum for m in norms]
        for m in norms:
            m.momentum = 1.0
        net.train()(image + 0.5 * torch.randn(4, *image.shape[1:]))
    for m, momentum in zip(norms, by):
        m.momentum = momentum
    return net.eval()


def compare(program, work, name, ours, kind, config, prepare, side):
    folder, model = os.path.join(work, name), os.path.join(work, name + ".safetensors")
    picture = os.path.join(work, name + ".png")
    os.mkdir(folder)
    with open(os.path.join(folder, "preprocessor_config.json"), "w") as f:
        json.dump(prepare, f)
    rng = np.random.default_rng(1)
    coarse = Image.fromarray(rng.integers(0, 256, (9, 9, 3), np.uint8))
    coarse.resize((side, side), Image.Resampling.BICUBIC).save(picture)
    image = getattr(t, prepare["image_processor_type"] + "Pil").from_pretrained(folder)(
        Image.open(picture), return_tensors="pt")["pixel_values"]
    net = make(kind, config, image)
    net.save_pretrained(folder)
    with torch.no_grad():
        want = net(image).logits[0].numpy()
    subprocess.run([program, "import", folder, "-o", model, "--quiet"], check=True)
    said = json.loads(subprocess.run([program, "info", model, "--json"], check=True,
                                     capture_output=True).stdout)
    answer = json.loads(subprocess.run(
        [program, "predict", model, picture, "--json", "--top", str(LABELS), "--threshold", "0",
         "--dump-input", model + ".npy"], check=True, capture_output=True).stdout)
    fed = np.load(model + ".npy").reshape(-1)
    pixels = np.abs(fed - image[0].permute(1, 2, 0).reshape(-1).numpy()).max()
    answers = {a["label"]: a["probability"] for a in answer["results"][0]["answers"]}
    got = np.log([answers[f"LABEL_{i}"] for i in range(LABELS)])
    want = want - np.log(np.exp(want - want.max()).sum()) - want.max()
    off = np.abs(got - want).max() / max(1, np.abs(want).max())
    fine = off <= 1e-4 and said["arch"] == ours
    print(f"| {name} | {said['arch']} | {pixels:.1e} | {off:.1e} |{'' if fine else ' too far'}",
          flush=True)
    return fine


def main():
    fine = True
    print("| Hugging Face's | ours | pixels | logits, the worst |\n|---|---|---:|---:|")
    for row in ROWS:
        if len(sys.argv) <= 2 or row[0] in sys.argv[2:]:
            with tempfile.TemporaryDirectory() as work:
                fine &= compare(sys.argv[1], work, *row)
    sys.exit(not fine)


if __name__ == "__main__":
    main()
