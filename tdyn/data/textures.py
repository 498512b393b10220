"""Patches of the natural textures that scikit-image ships."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from skimage import data as images
from torch import Tensor

__all__ = ["textures"]


def textures(
    n: int,
    size: int,
    *,
    seed: int,
    names: Sequence[str] = ("grass", "gravel", "brick", "camera"),
    dtype: torch.dtype | None = None,
) -> tuple[Float[Tensor, "n d"], Int[Tensor, " n"]]:
    """Cut random patches out of gray images of scikit-image; the class is the image.

    A patch is the logarithm of one plus the intensity, minus its mean, over its standard deviation.
    Constant patches become zero.

    Args:
        n: Number of patches, zero or positive.
        size: Side of a patch in pixels, from 2 to 512.
        seed: Source of randomness.
        names: Gray images of 512 × 512 pixels in ``skimage.data``.
        dtype: Number type.

    Returns:
        Patches ``(n, size * size)`` and classes ``(n,)``: balanced, in random order.

    Raises:
        ValueError: If ``n`` or ``size`` is out of range, or a name is not that of such an image.

    Example:
        >>> x, y = textures(100, 12, seed=0)
        >>> x.shape, y.bincount().tolist()
        (torch.Size([100, 144]), [25, 25, 25, 25])
    """
    if n < 0 or not 2 <= size <= 512:
        raise ValueError(f"n must be positive and size from 2 to 512, got {n} and {size}")
    stack = []
    for name in names:
        image = getattr(images, name)() if name in images.__all__ else None
        if image is None or image.shape != (512, 512):
            raise ValueError(f"{name!r} is not a gray image of 512 × 512 pixels in skimage.data")
        stack.append(torch.as_tensor(image).to(dtype or torch.get_default_dtype()).log1p())
    generator = torch.Generator().manual_seed(seed)
    y = (torch.arange(n) % len(stack))[torch.randperm(n, generator=generator)]
    corner = torch.randint(0, 513 - size, (2, n, 1, 1), generator=generator)
    rows = corner[0] + torch.arange(size)[:, None]
    columns = corner[1] + torch.arange(size)
    x = torch.stack(stack)[y[:, None, None], rows, columns].reshape(n, -1)
    x = x - x.mean(1, keepdim=True)
    return x / x.std(1, correction=0, keepdim=True).clamp(min=1e-6), y
