"""What single losses promise beyond the contract suite."""

from __future__ import annotations

import math

import pytest
import torch

from ltnb.losses import ClassWiseContrastiveLoss, ImageTextCrossEntropy


def test_contrastive_loss_worked_out_by_hand():
    """Two images, one text: the image side is zero, the text side averages over both images or picks one."""
    v = torch.tensor([[1.0, 0.0], [0.0, 2.0]], dtype=torch.float64)
    u = torch.tensor([[5.0, 0.0]], dtype=torch.float64)
    one = torch.tensor([4])
    log_sum = math.log(math.exp(1) + 1)
    both = ClassWiseContrastiveLoss()(v, u, torch.tensor([4, 4]), one, 1.0)
    assert both.item() == pytest.approx(log_sum - 0.5, abs=1e-15)
    smoothed = ClassWiseContrastiveLoss(0.5)(v, u, torch.tensor([4, 4]), one, 1.0)
    assert smoothed.item() == pytest.approx(log_sum - 0.5, abs=1e-15)


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_temperature_can_be_learned(shape: tuple[int, ...]):
    torch.manual_seed(0)
    log_scale = torch.full(shape, math.log(1 / 0.07)).requires_grad_()
    v, u, y = torch.randn(4, 3), torch.randn(4, 3), torch.arange(4)
    for loss in (ClassWiseContrastiveLoss()(v, u, y, y, 1 / log_scale.exp()), ImageTextCrossEntropy()(v, u, y, 0.07)):
        assert loss.shape == ()
    ClassWiseContrastiveLoss()(v, u, y, y, 1 / log_scale.exp()).backward()
    assert log_scale.grad is not None
    assert log_scale.grad.shape == shape
    assert (log_scale.grad != 0).all()


def test_number_and_tensor_temperatures_agree():
    torch.manual_seed(0)
    v, u, y = torch.randn(4, 3).double(), torch.randn(5, 3).double(), torch.tensor([4, 0, 2, 2])
    loss = ImageTextCrossEntropy()
    assert loss(v, u, y, 0.5) == loss(v, u, y.int(), torch.tensor(0.5))


def test_mixed_precision_inputs_meet_in_the_wider_one():
    v, u, y = torch.eye(3).half(), torch.eye(3), torch.arange(3)
    loss = ImageTextCrossEntropy()
    assert loss(v, u, y, 0.1).dtype == torch.float32
    assert loss(v, u.bfloat16(), y, 0.1).dtype == torch.float32
    assert loss(v, u.double(), y, 0.1).dtype == torch.float64


def test_an_embedding_of_zeros_has_finite_loss_and_gradient():
    v = torch.tensor([[0.0, 0.0], [3.0, 4.0]]).requires_grad_()
    loss = ImageTextCrossEntropy()(v, torch.eye(2), torch.tensor([0, 1]), 1.0)
    loss.backward()
    expected = (math.log(2) - 0.8 + math.log(math.exp(0.6) + math.exp(0.8))) / 2
    assert loss.item() == pytest.approx(expected, rel=1e-6)
    assert torch.isfinite(v.grad).all()
    assert v.grad.abs().max() < 10


def test_rows_without_partner_give_nan_where_values_are_not_read():
    loss = ClassWiseContrastiveLoss()
    assert loss._one_way(torch.zeros(2, 2), torch.tensor([[True, False], [False, False]])).isnan()
